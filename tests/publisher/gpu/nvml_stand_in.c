/* A stand-in for NVIDIA's management library: its ABI, with devices made of memory.
 *
 * The functions and structures are those of the public API reference, as far as the
 * worker asks for them. A test steers it through the functions stand_in_*: values by
 * key, an error for any function of any device, a delay, lists of processes and samples.
 * With -DBEFORE_510 the functions that older drivers lack are not there.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3,
    NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, DEVICES_MAX = 16, ENTRIES_MAX = 256,
    NAME_MAX_ = 96, LISTS = 3
};

typedef struct { char name[NAME_MAX_]; uint64_t value; } entry_t;
typedef struct {
    unsigned int pid; unsigned long long usedGpuMemory;
    unsigned int gpuInstanceId, computeInstanceId;
} process_t;
typedef struct {
    unsigned int pid; unsigned long long timeStamp;
    unsigned int smUtil, memUtil, encUtil, decUtil;
} sample_t;
typedef struct {
    unsigned int fieldId, scopeId; int64_t timestamp, latencyUsec;
    unsigned int valueType, nvmlReturn;
    union { double d; unsigned int ui; unsigned long ul; unsigned long long ull; } value;
} field_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct {
    unsigned int version; unsigned long long total, reserved, free, used;
} memory_v2_t;
typedef struct { unsigned int gpu, memory; } rates_t;
typedef struct {
    unsigned int multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount,
        sharedEncoderCount, sharedJpegCount, sharedOfaCount, gpuInstanceSliceCount,
        computeInstanceSliceCount;
    unsigned long long memorySizeMB;
} attributes_t;

typedef struct device {
    char uuid[NAME_MAX_], name[NAME_MAX_];
    entry_t values[ENTRIES_MAX], errors[ENTRIES_MAX], calls[ENTRIES_MAX];
    process_t lists[LISTS][ENTRIES_MAX]; unsigned int listed[LISTS];
    sample_t samples[ENTRIES_MAX]; unsigned int sampled;
    unsigned long long since;
    field_t fields[ENTRIES_MAX]; unsigned int field_count;
    int is_instance; struct device *instances[8];
} device_t;

static device_t devices[DEVICES_MAX];
static unsigned int device_count;
static int is_open, init_error;
static entry_t delays[ENTRIES_MAX];

static entry_t *find(entry_t *entries, const char *name, int make)
{
    for (int i = 0; i < ENTRIES_MAX; i++) {
        if (strcmp(entries[i].name, name) == 0) return &entries[i];
        if (entries[i].name[0] == 0) {
            if (!make) return NULL;
            snprintf(entries[i].name, NAME_MAX_, "%s", name);
            return &entries[i];
        }
    }
    abort();
}

/* What a test does. */
void stand_in_reset(unsigned int count)
{
    memset(devices, 0, sizeof devices);
    memset(delays, 0, sizeof delays);
    device_count = count;
    is_open = init_error = 0;
    for (unsigned int i = 0; i < DEVICES_MAX; i++) {
        snprintf(devices[i].uuid, NAME_MAX_, "GPU-%08u", i);
        snprintf(devices[i].name, NAME_MAX_, "Stand-in %u", i);
    }
}
void stand_in_name(unsigned int i, const char *uuid, const char *name)
{
    snprintf(devices[i].uuid, NAME_MAX_, "%s", uuid);
    snprintf(devices[i].name, NAME_MAX_, "%s", name);
}
void stand_in_count(unsigned int count) { device_count = count; }
void stand_in_init(int error) { init_error = error; if (error) is_open = 0; }
void stand_in_set(unsigned int i, const char *key, uint64_t value)
{
    find(devices[i].values, key, 1)->value = value;
}
/* "*" stands for every function of the device. */
void stand_in_fail(unsigned int i, const char *function, int error)
{
    find(devices[i].errors, function, 1)->value = (uint64_t)error;
}
void stand_in_delay(const char *function, uint64_t microseconds)
{
    find(delays, function, 1)->value = microseconds;
}
uint64_t stand_in_calls(unsigned int i, const char *function)
{
    entry_t *found = find(devices[i].calls, function, 0);
    return found ? found->value : 0;
}
uint64_t stand_in_since(unsigned int i) { return devices[i].since; }
void stand_in_process(unsigned int i, unsigned int list, unsigned int pid,
                      uint64_t bytes, unsigned int gi, unsigned int ci)
{
    device_t *d = &devices[i];
    d->lists[list][d->listed[list]++] = (process_t){pid, bytes, gi, ci};
}
void stand_in_sample(unsigned int i, unsigned int pid, uint64_t at, unsigned int sm,
                     unsigned int mem, unsigned int enc, unsigned int dec)
{
    device_t *d = &devices[i];
    d->samples[d->sampled++] = (sample_t){pid, at, sm, mem, enc, dec};
}
void stand_in_clear(unsigned int i)
{
    memset(devices[i].listed, 0, sizeof devices[i].listed);
    devices[i].sampled = 0;
}
void stand_in_field(unsigned int i, unsigned int id, unsigned int scope,
                    unsigned int type, uint64_t value)
{
    device_t *d = &devices[i];
    field_t *f = NULL;
    for (unsigned int n = 0; n < d->field_count; n++)
        if (d->fields[n].fieldId == id && d->fields[n].scopeId == scope)
            f = &d->fields[n];
    if (!f) f = &d->fields[d->field_count++];
    *f = (field_t){.fieldId = id, .scopeId = scope, .valueType = type};
    if (type == 1) f->value.ui = (unsigned int)value; else f->value.ull = value;
}
/* Device *instance* becomes a MIG instance of device i. */
void stand_in_instance(unsigned int i, unsigned int place, unsigned int instance)
{
    devices[instance].is_instance = 1;
    devices[i].instances[place] = &devices[instance];
}

/* What the library does. */
static int begin(device_t *d, const char *function)
{
    entry_t *found;
    if (!is_open) return UNINITIALIZED;
    find(d->calls, function, 1)->value++;
    if ((found = find(delays, function, 0))) usleep((useconds_t)found->value);
    if ((found = find(d->errors, "*", 0)) && found->value) return (int)found->value;
    found = find(d->errors, function, 0);
    return found ? (int)found->value : SUCCESS;
}
static int value(device_t *d, const char *function, const char *key, uint64_t *out)
{
    int error = begin(d, function);
    if (error) return error;
    entry_t *found = find(d->values, key, 0);
    if (!found) return NOT_SUPPORTED;
    *out = found->value;
    return SUCCESS;
}
#define UINT(function, key)                                                          \
    int function(device_t *d, unsigned int *out)                                     \
    {                                                                                \
        uint64_t v = 0; int error = value(d, #function, key, &v);                    \
        if (!error) *out = (unsigned int)v;                                          \
        return error;                                                                \
    }
#define ULL(function, key)                                                           \
    int function(device_t *d, unsigned long long *out)                               \
    {                                                                                \
        uint64_t v = 0; int error = value(d, #function, key, &v);                    \
        if (!error) *out = v;                                                        \
        return error;                                                                \
    }
#define RATE(function, key)                                                          \
    int function(device_t *d, unsigned int *out, unsigned int *period)               \
    {                                                                                \
        uint64_t v = 0; int error = value(d, #function, key, &v);                    \
        if (!error) { *out = (unsigned int)v; *period = 167000; }                    \
        return error;                                                                \
    }

const char *nvmlErrorString(int error) { (void)error; return "stand-in error"; }
int nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    if (init_error) return init_error;
    is_open = 1;
    return SUCCESS;
}
int nvmlShutdown(void)
{
    if (!is_open) return UNINITIALIZED;
    is_open = 0;
    return SUCCESS;
}
int nvmlDeviceGetCount_v2(unsigned int *count)
{
    if (!is_open) return UNINITIALIZED;
    *count = device_count;
    return SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int i, device_t **out)
{
    if (i >= device_count) return INVALID_ARGUMENT;
    *out = &devices[i];
    return begin(&devices[i], "nvmlDeviceGetHandleByIndex_v2");
}
int nvmlDeviceGetUUID(device_t *d, char *out, unsigned int length)
{
    snprintf(out, length, "%s", d->uuid);
    return begin(d, "nvmlDeviceGetUUID");
}
int nvmlDeviceGetName(device_t *d, char *out, unsigned int length)
{
    snprintf(out, length, "%s", d->name);
    return begin(d, "nvmlDeviceGetName");
}
UINT(nvmlDeviceGetPowerUsage, "power")
UINT(nvmlDeviceGetEnforcedPowerLimit, "power_limit")
UINT(nvmlDeviceGetPerformanceState, "state")
UINT(nvmlDeviceGetFanSpeed, "fan")
UINT(nvmlDeviceGetCurrPcieLinkGeneration, "generation")
UINT(nvmlDeviceGetCurrPcieLinkWidth, "width")
UINT(nvmlDeviceGetPcieReplayCounter, "replays")
UINT(nvmlDeviceGetMaxMigDeviceCount, "instances_max")
UINT(nvmlDeviceGetGpuInstanceId, "gi")
UINT(nvmlDeviceGetComputeInstanceId, "ci")
ULL(nvmlDeviceGetTotalEnergyConsumption, "energy")
ULL(nvmlDeviceGetCurrentClocksThrottleReasons, "reasons")
RATE(nvmlDeviceGetEncoderUtilization, "encoder")
RATE(nvmlDeviceGetDecoderUtilization, "decoder")
int nvmlDeviceGetTemperature(device_t *d, unsigned int sensor, unsigned int *out)
{
    uint64_t v = 0;
    int error = sensor ? INVALID_ARGUMENT
                       : value(d, "nvmlDeviceGetTemperature", "temperature", &v);
    if (!error) *out = (unsigned int)v;
    return error;
}
int nvmlDeviceGetClockInfo(device_t *d, unsigned int type, unsigned int *out)
{
    static const char *keys[] = {"graphics", "sm", "mem", "video"};
    uint64_t v = 0;
    int error = type > 3 ? INVALID_ARGUMENT
                         : value(d, "nvmlDeviceGetClockInfo", keys[type], &v);
    if (!error) *out = (unsigned int)v;
    return error;
}
int nvmlDeviceGetTotalEccErrors(device_t *d, unsigned int error_type,
                                unsigned int counter_type, unsigned long long *out)
{
    static const char *keys[2][2] = {{"ecc_corrected", "ecc_corrected_ever"},
                                     {"ecc_uncorrected", "ecc_uncorrected_ever"}};
    uint64_t v = 0;
    int error = value(d, "nvmlDeviceGetTotalEccErrors",
                      keys[error_type & 1][counter_type & 1], &v);
    if (!error) *out = v;
    return error;
}
int nvmlDeviceGetRemappedRows(device_t *d, unsigned int *corrected,
                              unsigned int *uncorrected, unsigned int *pending,
                              unsigned int *failure)
{
    uint64_t v = 0;
    int error = value(d, "nvmlDeviceGetRemappedRows", "rows", &v);
    if (error) return error;
    *corrected = v & 0xff;
    *uncorrected = v >> 8 & 0xff;
    *pending = v >> 16 & 1;
    *failure = v >> 17 & 1;
    return SUCCESS;
}
int nvmlDeviceGetUtilizationRates(device_t *d, rates_t *out)
{
    uint64_t gpu = 0, memory = 0;
    int error = value(d, "nvmlDeviceGetUtilizationRates", "gpu", &gpu);
    if (error) return error;
    entry_t *found = find(d->values, "memory", 0);
    if (found) memory = found->value;
    *out = (rates_t){(unsigned int)gpu, (unsigned int)memory};
    return SUCCESS;
}
static uint64_t get(device_t *d, const char *key)
{
    entry_t *found = find(d->values, key, 0);
    return found ? found->value : 0;
}
int nvmlDeviceGetMemoryInfo(device_t *d, memory_t *out)
{
    uint64_t total = 0;
    int error = value(d, "nvmlDeviceGetMemoryInfo", "total", &total);
    if (error) return error;
    /* The first version counts what is reserved as used. */
    out->total = total;
    out->used = get(d, "used") + get(d, "reserved");
    out->free = total - out->used;
    return SUCCESS;
}
int nvmlDeviceGetMigMode(device_t *d, unsigned int *now, unsigned int *pending)
{
    uint64_t mode = 0;
    int error = value(d, "nvmlDeviceGetMigMode", "mig", &mode);
    if (!error) *now = *pending = (unsigned int)mode;
    return error;
}
int nvmlDeviceGetMigDeviceHandleByIndex(device_t *d, unsigned int i, device_t **out)
{
    int error = begin(d, "nvmlDeviceGetMigDeviceHandleByIndex");
    if (error) return error;
    if (i >= 8 || !d->instances[i]) return NOT_FOUND;
    *out = d->instances[i];
    return SUCCESS;
}
int nvmlDeviceGetAttributes_v2(device_t *d, attributes_t *out)
{
    uint64_t sm = 0;
    int error = value(d, "nvmlDeviceGetAttributes_v2", "sm_count", &sm);
    memset(out, 0, sizeof *out);
    out->multiprocessorCount = (unsigned int)sm;
    return error;
}
int nvmlDeviceGetFieldValues(device_t *d, int count, field_t *out)
{
    int error = begin(d, "nvmlDeviceGetFieldValues");
    if (error) return error;
    for (int i = 0; i < count; i++) {
        out[i].nvmlReturn = NOT_SUPPORTED;
        for (unsigned int n = 0; n < d->field_count; n++)
            if (d->fields[n].fieldId == out[i].fieldId &&
                d->fields[n].scopeId == out[i].scopeId)
                out[i] = d->fields[n];
    }
    return SUCCESS;
}
static int list(device_t *d, const char *function, int which, unsigned int *count,
                process_t *out)
{
    int error = begin(d, function);
    unsigned int there = d->listed[which];
    if (error) return error;
    if (*count < there || (there && !out)) {
        *count = there;
        return INSUFFICIENT_SIZE;
    }
    *count = there;
    if (there) memcpy(out, d->lists[which], there * sizeof *out);
    return SUCCESS;
}
#define LIST(kind, version, which)                                                   \
    int nvmlDeviceGet##kind##RunningProcesses_v##version(                            \
        device_t *d, unsigned int *count, process_t *out)                            \
    {                                                                                \
        return list(d, "nvmlDeviceGet" #kind "RunningProcesses", which, count, out); \
    }
LIST(Compute, 2, 0)
LIST(Graphics, 2, 1)
LIST(MPSCompute, 2, 2)
int nvmlDeviceGetProcessUtilization(device_t *d, sample_t *out, unsigned int *count,
                                    unsigned long long since)
{
    int error = begin(d, "nvmlDeviceGetProcessUtilization");
    d->since = since;
    if (error) return error;
    if (!d->sampled) return NOT_FOUND;
    if (!out || *count < d->sampled) {
        *count = d->sampled;
        return INSUFFICIENT_SIZE;
    }
    *count = d->sampled;
    memcpy(out, d->samples, d->sampled * sizeof *out);
    return SUCCESS;
}
#ifndef BEFORE_510
LIST(Compute, 3, 0)
LIST(Graphics, 3, 1)
LIST(MPSCompute, 3, 2)
ULL(nvmlDeviceGetCurrentClocksEventReasons, "reasons")
int nvmlDeviceGetMemoryInfo_v2(device_t *d, memory_v2_t *out)
{
    uint64_t total = 0;
    int error = value(d, "nvmlDeviceGetMemoryInfo_v2", "total", &total);
    if (error) return error;
    if (out->version != (sizeof *out | 2u << 24)) return 25; /* version mismatch */
    out->total = total;
    out->used = get(d, "used");
    out->reserved = get(d, "reserved");
    out->free = total - out->used - out->reserved;
    return SUCCESS;
}
#endif

/* A GPU that offers everything. */
void stand_in_usual(unsigned int i)
{
    static const struct { const char *key; uint64_t value; } usual[] = {
        {"gpu", 42}, {"memory", 17}, {"total", 85899345920ull}, {"used", 3221225472ull},
        {"reserved", 536870912ull}, {"power", 312500}, {"power_limit", 700000},
        {"energy", 123456789}, {"temperature", 61}, {"sm", 1980}, {"mem", 2619},
        {"reasons", 0x04}, {"state", 0}, {"fan", 30}, {"encoder", 5}, {"decoder", 6},
        {"ecc_corrected", 3}, {"ecc_uncorrected", 0}, {"ecc_corrected_ever", 900},
        {"ecc_uncorrected_ever", 901}, {"generation", 5}, {"width", 16},
        {"replays", 1}, {"rows", 2 | 1 << 8 | 1 << 16}, {"mig", 0},
    };
    for (size_t n = 0; n < sizeof usual / sizeof *usual; n++)
        stand_in_set(i, usual[n].key, usual[n].value);
    stand_in_field(i, 82, 0, 1, 70);
    stand_in_field(i, 197, 0, 3, 5000000);
    stand_in_field(i, 198, 0, 3, 6000000);
    stand_in_field(i, 138, ~0u, 3, 10);
    stand_in_field(i, 139, ~0u, 3, 20);
    stand_in_field(i, 29, 0, 3, 0);
    stand_in_field(i, 30, 0, 3, 1);
}

/* For programs that load the library by its name. Each GPU runs pid
 * NVML_STAND_IN_PID, if that is given. */
__attribute__((constructor)) static void make(void)
{
    const char *count = getenv("NVML_STAND_IN_DEVICES");
    const char *pid = getenv("NVML_STAND_IN_PID");
    stand_in_reset(count ? (unsigned int)atoi(count) : 0);
    for (unsigned int i = 0; i < device_count; i++) {
        stand_in_usual(i);
        if (pid) stand_in_process(i, 0, (unsigned int)atoi(pid), 1 << 30, ~0u, ~0u);
    }
}
