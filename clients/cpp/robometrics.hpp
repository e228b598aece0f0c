// RoboMetrics: one line makes a program measured, and nothing more happens to it.
//
//     #include <robometrics.hpp>
//
//     robometrics::register_process("planner");
//
// Every call returns at once and never throws. A thread of its own asks the worker on this
// host, by its Unix socket or by NATS, until one answers; then the thread ends. README.md
// beside this file tells the rest. C++17, Linux; elsewhere every call says "not supported".
//
// In this order: what programs use; JSON; what is known of processes; the two ways to a
// worker; the agent, which asks; and what the functions at the top do.

#ifndef ROBOMETRICS_HPP
#define ROBOMETRICS_HPP

#define ROBOMETRICS_VERSION "3.0.0"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

// Without exceptions (-fno-exceptions) a try block is just a block.
#if defined(__cpp_exceptions)
#define ROBOMETRICS_TRY try
#define ROBOMETRICS_CATCH catch (...)
#else
#define ROBOMETRICS_TRY if (true)
#define ROBOMETRICS_CATCH else
#endif

namespace robometrics {
inline namespace v3_0 {  // two releases of this header in one program stay apart

// ---------------------------------------------------------------- what programs use

/// A few short facts to group and filter by.
using Tags = std::map<std::string, std::string>;

/// How the process is measured; each part beyond the usual is asked for.
struct Plan {
    /// Distance of two samples, 1 ms to 1 min; zero: the worker's usual one.
    std::chrono::nanoseconds interval{0};

    bool tree = false;           ///< Also the sum of the process and all that it started.
    bool children = false;       ///< Also each process it started, as one of its own.
    bool threads = false;        ///< Also CPU time by name of thread.
    bool memory_detail = false;  ///< Also PSS and USS, at most twice a minute.
    bool open_files = false;     ///< Also the number of open file descriptors.
    bool cgroup = false;         ///< Also CPU, memory, pressure of its container or unit.
};

struct Options {
    Options() = default;
    /// Tags alone: `{{"team", "nav"}}`.
    Options(std::initializer_list<Tags::value_type> pairs) : tags(pairs) {}

    Tags tags{};
    Plan plan{};

    /// How long one worker or broker has to answer, each time it is asked.
    std::chrono::milliseconds answer_timeout{2000};

    /// When to stop asking for a worker that is not there; zero: never.
    std::chrono::milliseconds give_up_after{0};

    /// Told, usually from another thread, that it is measured, refused, or waits.
    std::function<void(std::string_view)> log{};
};

enum class State { pending, accepted, refused, unregistered };

/// How a request stands.
struct Result {
    State state = State::pending;
    std::string code{};    ///< Why it was refused, from a small fixed set.
    std::string reason{};  ///< Why it was refused, or what is waited for; for people.
    std::string host{};    ///< Name of the host in the fleet.
    std::string run{};     ///< Id of this incarnation of the process.
    std::chrono::nanoseconds interval{0};  ///< The worker's usual distance of two samples.

    [[nodiscard]] bool accepted() const { return state == State::accepted; }
};

namespace detail {
class Outcome;
}

/// Tells how a request stands. Nobody has to look at it, or to keep it.
class Handle {
public:
    Handle() = default;
    explicit Handle(std::shared_ptr<detail::Outcome> outcome) : outcome_(std::move(outcome)) {}

    [[nodiscard]] Result result() const { return wait_for(std::chrono::milliseconds{0}); }

    /// Wait until it is no longer pending, at most for *timeout*; return how it stands.
    Result wait_for(std::chrono::milliseconds timeout) const;

private:
    friend class Registration;
    std::shared_ptr<detail::Outcome> outcome_;
};

/// Have this process measured as *name*; if empty, as the program's own name.
inline Handle register_process(std::string_view name = {}, const Options& options = {}) noexcept;

/// Have another process on this host measured as *name*.
inline Handle register_pid(int pid, std::string_view name, const Options& options = {}) noexcept;

/// Have this process measured no more, as *name* or, if empty, under any name. Ending it
/// does that as well.
inline Handle unregister_process(std::string_view name = {}) noexcept;
inline Handle unregister_pid(int pid, std::string_view name = {}) noexcept;

/// Give up what is pending and end the thread; return whether it ended within *timeout*.
/// Happens by itself at exit, and when a plugin with this header is unloaded.
inline bool shutdown(std::chrono::milliseconds timeout = std::chrono::seconds{1}) noexcept;

/// Has this process measured for as long as it lives. Several of one name count as one.
class [[nodiscard]] Registration {
public:
    [[nodiscard]] explicit Registration(std::string_view name = {},
                                        const Options& options = {}) noexcept;
    Registration(Registration&& other) noexcept = default;
    Registration& operator=(Registration&& other) noexcept;
    ~Registration() { leave(); }

    [[nodiscard]] Result result() const { return handle_.result(); }
    Result wait_for(std::chrono::milliseconds timeout) const { return handle_.wait_for(timeout); }

private:
    void leave() noexcept;
    Handle handle_;
};

namespace detail {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

constexpr std::size_t REQUEST_BYTES_MAX = 16 * 1024;
constexpr std::size_t REPLY_BYTES_MAX = 256 * 1024;
constexpr std::size_t PENDING_MAX = 1000;
constexpr int JSON_DEPTH_MAX = 32;
constexpr std::chrono::milliseconds FIRST_RETRY{500};
constexpr std::chrono::milliseconds LAST_RETRY{15'000};
constexpr std::chrono::milliseconds EXIT_PATIENCE{200};

/// Return *time* within what the clock can add without overflow.
constexpr std::chrono::milliseconds bounded(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds YEAR = std::chrono::hours{24 * 365};
    return std::clamp(time, std::chrono::milliseconds{0}, YEAR);
}

#if defined(__linux__)
inline int this_pid() noexcept { return static_cast<int>(::getpid()); }
#else
inline int this_pid() noexcept { return 0; }
#endif

inline Result refusal(std::string code, std::string reason) {
    Result result;
    result.state = State::refused;
    result.code = std::move(code);
    result.reason = std::move(reason);
    return result;
}

/// One request and how it stands, shared by the agent and whoever waits.
class Outcome {
public:
    Outcome(int its_pid, std::string_view its_name) : pid(its_pid), name(its_name) {}

    const int pid;
    const std::string name;
    const int asker = this_pid();

    /// Say how it stands, unless it is settled.
    void set(const Result& result) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (result_.state != State::pending) return;
        result_ = result;
        changed_.notify_all();
    }

    bool is_pending() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return result_.state == State::pending;
    }

    Result wait_for(std::chrono::milliseconds timeout) {
        // A forked child has a copy of the request, but not the thread that asks.
        if (asker != this_pid()) return refusal("forked", "a forked child registers itself");
        std::unique_lock<std::mutex> lock(mutex_);
        const auto is_settled = [this] { return result_.state != State::pending; };
        if (timeout.count() > 0) changed_.wait_for(lock, bounded(timeout), is_settled);
        return result_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    Result result_;
};

inline void tell(const Options& options, std::string_view news) {
    if (news.empty() || !options.log) return;
    ROBOMETRICS_TRY { options.log(news); }
    ROBOMETRICS_CATCH {}  // the program's own trouble
}

// ---------------------------------------------------------------- JSON

/// Bytes of the UTF-8 character at the start of *text*; 0 if there is none.
inline std::size_t utf8_length(std::string_view text) {
    constexpr std::uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};  // else overlong
    if (text.empty()) return 0;
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC0 || first >= 0xF8 || text.size() < length) return 0;
    std::uint32_t point = first & (0x7FU >> length);
    for (const char c : text.substr(1, length - 1)) {
        if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) return 0;
        point = (point << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
    }
    const bool is_surrogate = (point & 0xFFFFF800U) == 0xD800U;
    return point < SMALLEST[length] || point > 0x10FFFFU || is_surrogate ? 0 : length;
}

inline bool is_utf8(std::string_view text) {
    while (const std::size_t length = utf8_length(text)) text.remove_prefix(length);
    return text.empty();
}

/// Return *text*, which is UTF-8, as a JSON string.
inline std::string quoted(std::string_view text) {
    constexpr const char* HEX = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20) {
            out.append("\\u00").append({HEX[byte >> 4U], HEX[byte & 0xFU]});
        } else {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
    }
    return out += '"';
}

using Members = std::map<std::string, std::string>;

/// Reads one JSON object by the letter of RFC 8259, bounded in depth.
class Json {
public:
    /// Return the members, each as the JSON text of its value.
    static std::optional<Members> read(std::string_view text) {
        Json json(text);
        Members members;
        const bool good = json.object(members, 0);
        json.skip_space();
        return good && json.rest_.empty() ? std::optional(std::move(members)) : std::nullopt;
    }

    // What a member's text means; false if it is of another type.
    static bool parse(const std::string& text, std::string& into) {
        return Json(text).string(into);
    }
    static bool parse(const std::string& text, bool& into) {
        into = text == "true";
        return into || text == "false";
    }
    static bool parse(const std::string& text, std::int64_t& into) {
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, into);
        return error == std::errc{} && stop == end;
    }

private:
    explicit Json(std::string_view text) : rest_(text) {}

    void skip(const char* characters) {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
    }
    void skip_space() { skip(" \t\r\n"); }

    bool take(std::string_view expected) {
        const bool found = rest_.substr(0, expected.size()) == expected;
        if (found) rest_.remove_prefix(expected.size());
        return found;
    }

    bool take_token(std::string_view expected) {
        skip_space();
        return take(expected);
    }

    bool object(Members& into, int depth) {
        if (depth > JSON_DEPTH_MAX || !take_token("{")) return false;
        if (take_token("}")) return true;
        do {
            std::string name;
            skip_space();
            if (!string(name) || !take_token(":")) return false;
            skip_space();
            const std::string_view start = rest_;
            if (!value(depth)) return false;
            into[name] = start.substr(0, start.size() - rest_.size());
        } while (take_token(","));
        return take_token("}");
    }

    bool array(int depth) {
        if (depth > JSON_DEPTH_MAX || !take_token("[")) return false;
        if (take_token("]")) return true;
        do {
            skip_space();
            if (!value(depth)) return false;
        } while (take_token(","));
        return take_token("]");
    }

    bool value(int depth) {
        Members members;
        std::string text;
        switch (rest_.empty() ? '\0' : rest_.front()) {
            case '{': return object(members, depth + 1);
            case '[': return array(depth + 1);
            case '"': return string(text);
            default: return take("true") || take("false") || take("null") || number();
        }
    }

    bool digits() {
        const std::size_t before = rest_.size();
        skip("0123456789");
        return rest_.size() < before;
    }

    bool number() {
        take("-");
        if (!take("0") && !digits()) return false;
        if (take(".") && !digits()) return false;
        if (!take("e") && !take("E")) return true;
        if (!take("+")) take("-");
        return digits();
    }

    bool string(std::string& into) {
        if (!take("\"")) return false;
        while (!take("\"")) {
            const std::size_t length = utf8_length(rest_);
            if (length == 0 || static_cast<unsigned char>(rest_.front()) < 0x20) return false;
            if (take("\\")) {
                if (!escaped(into)) return false;
            } else {
                into += rest_.substr(0, length);
                rest_.remove_prefix(length);
            }
        }
        return true;
    }

    bool escaped(std::string& into) {
        constexpr std::string_view LETTERS = "\"\\/bfnrt";
        constexpr std::string_view MEANINGS = "\"\\/\b\f\n\r\t";
        const std::size_t which = rest_.empty() ? LETTERS.npos : LETTERS.find(rest_.front());
        if (which != LETTERS.npos) {
            into += MEANINGS[which];
            rest_.remove_prefix(1);
            return true;
        }
        std::uint32_t point = 0;
        std::uint32_t low = 0;
        if (!four_hex(point) || (point & 0xFC00U) == 0xDC00U) return false;
        if ((point & 0xFC00U) == 0xD800U) {  // the first of a pair
            if (!take("\\") || !four_hex(low) || (low & 0xFC00U) != 0xDC00U) return false;
            point = 0x10000U + ((point & 0x3FFU) << 10U) + (low & 0x3FFU);
        }
        append_utf8(into, point);
        return true;
    }

    bool four_hex(std::uint32_t& into) {
        if (!take("u") || rest_.size() < 4) return false;
        const char* start = rest_.data();
        rest_.remove_prefix(4);
        return std::from_chars(start, start + 4, into, 16).ptr == start + 4;
    }

    static void append_utf8(std::string& into, std::uint32_t point) {
        constexpr std::uint32_t LEADS[] = {0, 0xC0, 0xE0, 0xF0};
        const unsigned tails = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
        into += static_cast<char>(LEADS[tails] | (point >> (6 * tails)));
        for (unsigned left = tails; left-- > 0;)
            into += static_cast<char>(0x80U | ((point >> (6 * left)) & 0x3FU));
    }

    std::string_view rest_;
};

#if defined(__linux__)

// ---------------------------------------------------------------- processes and folders

constexpr std::size_t FILE_BYTES_MAX = 64 * 1024;

/// Return a small file's content; of a *trusted_owner*, only if this user or root owns it.
inline std::optional<std::string> read_file(const std::string& path, bool trusted_owner = false) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return std::nullopt;
    struct stat about {};
    bool good = ::fstat(fd, &about) == 0 &&
                (!trusted_owner || about.st_uid == 0 || about.st_uid == ::geteuid());
    std::string content;
    char chunk[4096];
    ssize_t count = 0;
    while (good && (count = ::read(fd, chunk, sizeof chunk)) > 0) {
        content.append(chunk, static_cast<std::size_t>(count));
        good = content.size() <= FILE_BYTES_MAX;
    }
    ::close(fd);
    if (!good || count < 0) return std::nullopt;
    return content;
}

inline std::string first_line(const std::string& path) {
    const std::string content = read_file(path).value_or("");
    return content.substr(0, content.find('\n'));
}

/// Kernel start time of a process, field 22 of /proc/PID/stat. The name in it may hold
/// any byte, so the fields count from its last bracket.
inline std::optional<std::int64_t> start_ticks(const std::string& process) {
    const std::string stat = read_file("/proc/" + process + "/stat").value_or("");
    std::size_t at = stat.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
    std::int64_t ticks = 0;
    if (at == std::string::npos) return std::nullopt;
    const char* end = stat.data() + stat.size();
    if (std::from_chars(stat.data() + at + 1, end, ticks).ec != std::errc{}) return std::nullopt;
    return ticks;
}

/// The namespace this program numbers processes in.
inline std::optional<std::uint64_t> pid_namespace() {
    struct stat about {};
    if (::stat("/proc/self/ns/pid", &about) != 0) return std::nullopt;
    return static_cast<std::uint64_t>(about.st_ino);
}

/// By how much start times are shown off the worker's, in ns: see time_namespaces(7).
inline std::int64_t boottime_offset_ns() {
    std::istringstream lines(read_file("/proc/self/timens_offsets").value_or(""));
    std::string clock;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    while (lines >> clock >> seconds >> nanoseconds) {
        if (clock == "boottime") return seconds * 1'000'000'000 + nanoseconds;
    }
    return 0;
}

inline std::string program_name() {
    char path[4096];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    const std::string_view whole(path, length > 0 ? static_cast<std::size_t>(length) : 0);
    return std::string(whole.substr(whole.rfind('/') + 1).substr(0, 60));
}

/// What the environment says, read in the thread that calls: setenv in the program must
/// not meet getenv in a thread it does not know of.
struct Environment {
    std::optional<std::string> nats_url = get("ROBOMETRICS_NATS_URL");
    std::optional<std::string> socket_path = get("ROBOMETRICS_SOCKET_PATH");
    std::optional<std::string> runtime_dir = get("ROBOMETRICS_RUNTIME_DIR");
    std::string token_file = get("ROBOMETRICS_REGISTER_TOKEN_FILE").value_or("");
    std::string user_runtime_dir = get("XDG_RUNTIME_DIR").value_or("");
    bool has_config_file = get("ROBOMETRICS_CONFIG").has_value();  // TOML: not read here

    static std::optional<std::string> get(const char* name) {
        const char* value = std::getenv(name);
        return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
    }

    [[nodiscard]] std::string folder() const {
        if (runtime_dir && !runtime_dir->empty()) return *runtime_dir;
        if (::geteuid() == 0) return SYSTEM;
        if (!user_runtime_dir.empty()) return user_runtime_dir + "/robometrics";
        return "/tmp/robometrics-" + std::to_string(::geteuid());
    }

    static constexpr const char* SYSTEM = "/run/robometrics";
};

/// Where a worker may be asked; empty means: not this way.
struct Ways {
    std::vector<std::string> sockets{};
    std::string nats_url{};
};

/// Read the run file of a `robometrics up`; what a crash left behind is not believed.
inline bool join_running(const std::string& folder, std::string& socket, std::string& nats_url) {
    std::int64_t pid = 0;
    std::int64_t ticks = 0;
    std::string found_socket;
    std::string found_url;
    auto running =
        Json::read(read_file(folder + "/up.json", true).value_or("")).value_or(Members{});
    const bool good = Json::parse(running["pid"], pid) &&
                      Json::parse(running["start_ticks"], ticks) &&
                      Json::parse(running["socket_path"], found_socket) &&
                      Json::parse(running["nats_url"], found_url);
    if (!good || start_ticks(std::to_string(pid)) != ticks) return false;
    if (!found_socket.empty()) socket = found_socket;
    if (!found_url.empty()) nats_url = found_url;
    return true;
}

inline Ways find_ways(const Environment& environment) {
    const std::string system = std::string(Environment::SYSTEM) + "/worker.sock";
    const std::string usual = environment.folder() + "/worker.sock";
    std::string socket = usual;
    std::string url = "nats://127.0.0.1:4222";
    if (!join_running(environment.folder(), socket, url) && !environment.runtime_dir)
        join_running(Environment::SYSTEM, socket, url);
    socket = environment.socket_path.value_or(socket);
    Ways ways{{socket}, environment.nats_url.value_or(url)};
    const bool by_chance = socket == usual && socket != system;
    if (by_chance && !environment.runtime_dir) ways.sockets.push_back(system);
    return ways;
}

// ---------------------------------------------------------------- the ways to a worker

/// The one socket of the agent's thread; another thread can end what waits on it.
class Socket {
public:
    bool open(int family) {
        const std::lock_guard<std::mutex> lock(mutex_);
        int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && fd <= 2) {  // a closed stdout: what the program prints is not for us
            const int higher = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
            ::close(fd);
            fd = higher;
        }
        fd_ = fd;
        return fd >= 0;
    }

    void close() {
        const std::lock_guard<std::mutex> lock(mutex_);
        const int fd = fd_.exchange(-1);
        if (fd >= 0) ::close(fd);
    }

    void interrupt() {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
    }

    [[nodiscard]] int fd() const { return fd_; }

    /// In a forked child: give back the copy. No lock, its owner is not there any more.
    void abandon() noexcept {
        const int fd = fd_.exchange(-1);
        if (fd >= 0) ::close(fd);
    }

private:
    std::mutex mutex_;
    std::atomic<int> fd_{-1};
};

/// One conversation: lines and counted bytes, bounded in size and, all in all, in time.
class Channel {
public:
    Channel(Socket& socket, Time deadline) : socket_(socket), deadline_(deadline) {}
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel() { socket_.close(); }

    bool connect_unix(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.empty() || path.size() >= sizeof address.sun_path) return fail("no such path");
        std::memcpy(address.sun_path, path.data(), path.size());
        return connect_to(AF_UNIX, &address, sizeof address, deadline_);
    }

    bool connect_tcp(const std::string& host, const std::string& port) {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
        if (error != 0) return fail(::gai_strerror(error));
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
        int left = 0;
        for (const addrinfo* each = found; each != nullptr; each = each->ai_next) ++left;
        for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
            const Time until = Clock::now() + (deadline_ - Clock::now()) / left--;
            if (connect_to(each->ai_family, each->ai_addr, each->ai_addrlen, until)) return true;
        }
        return false;
    }

    bool send(std::string_view data) {
        while (!data.empty()) {
            if (!allow(SO_SNDTIMEO, deadline_)) return fail("no answer in time");
            const ssize_t sent = ::send(socket_.fd(), data.data(), data.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent <= 0) return fail_by_errno();
            data.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    bool line(std::string& into) {
        std::size_t looked = 0;
        std::size_t end = 0;
        while ((end = received_.find('\n', looked)) == std::string::npos) {
            looked = received_.size();
            if (looked > REPLY_BYTES_MAX) return fail("an endless line");
            if (!receive()) return false;
        }
        into = received_.substr(0, end);
        received_.erase(0, end + 1);
        if (!into.empty() && into.back() == '\r') into.pop_back();
        return true;
    }

    bool exactly(std::size_t size, std::string& into) {
        if (size > REPLY_BYTES_MAX) return fail("too long an answer");
        while (received_.size() < size) {
            if (!receive()) return false;
        }
        into = received_.substr(0, size);
        received_.erase(0, size);
        return true;
    }

    bool fail(std::string why) {
        problem_ = std::move(why);
        return false;
    }

    [[nodiscard]] const std::string& problem() const { return problem_; }

private:
    bool fail_by_errno() {
        const bool late = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINPROGRESS;
        return fail(late ? "no answer in time" : std::generic_category().message(errno));
    }

    /// Let the next call on the socket block until *until*; false if that has passed.
    bool allow(int option, Time until) {
        using std::chrono::microseconds;
        const auto left = std::chrono::duration_cast<microseconds>(until - Clock::now()).count();
        if (left <= 0) return false;
        timeval limit{};
        limit.tv_sec = static_cast<decltype(limit.tv_sec)>(left / 1'000'000);
        limit.tv_usec = static_cast<decltype(limit.tv_usec)>(left % 1'000'000);
        return ::setsockopt(socket_.fd(), SOL_SOCKET, option, &limit, sizeof limit) == 0;
    }

    bool connect_to(int family, const void* address, socklen_t size, Time until) {
        socket_.close();
        if (!socket_.open(family)) return fail_by_errno();
        if (!allow(SO_SNDTIMEO, until)) return fail("no answer in time");
        const auto* generic = static_cast<const sockaddr*>(address);
        return ::connect(socket_.fd(), generic, size) == 0 || fail_by_errno();
    }

    bool receive() {
        char chunk[4096];
        while (allow(SO_RCVTIMEO, deadline_)) {
            const ssize_t count = ::recv(socket_.fd(), chunk, sizeof chunk, 0);
            if (count < 0 && errno == EINTR) continue;
            if (count == 0) return fail("closed without an answer");
            if (count < 0) return fail_by_errno();
            received_.append(chunk, static_cast<std::size_t>(count));
            return true;
        }
        return fail("no answer in time");
    }

    Socket& socket_;
    const Time deadline_;
    std::string received_;
    std::string problem_;
};

/// Return what a worker replied; nothing if it was no worker of ours that did.
inline std::optional<Result> decode_reply(std::string_view data) {
    auto reply = Json::read(data).value_or(Members{});
    Result result;
    bool accepted = false;
    std::int64_t interval_ns = 0;
    const auto optional = [&reply](const char* name, auto& into) {
        return reply.count(name) == 0 || Json::parse(reply[name], into);
    };
    const bool good = Json::parse(reply["accepted"], accepted) && optional("host", result.host) &&
                      optional("code", result.code) && optional("reason", result.reason) &&
                      optional("run", result.run) && optional("interval_ns", interval_ns);
    if (!good) return std::nullopt;
    result.state = accepted ? State::accepted : State::refused;
    result.interval = std::chrono::nanoseconds{interval_ns};
    return result;
}

inline std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::size_t at = 0;
    for (std::size_t end = 0; end != std::string::npos; at = end + 1) {
        end = text.find(separator, at);
        parts.push_back(text.substr(at, end - at));
    }
    return parts;
}

inline std::optional<Result> ask_socket(Channel& channel, const std::string& path,
                                        const std::string& request) {
    std::string line;
    if (!channel.connect_unix(path) || !channel.send(request + "\n") || !channel.line(line))
        return std::nullopt;
    auto result = decode_reply(line);
    if (!result) channel.fail("not a worker's answer");
    return result;
}

struct NatsServer {
    std::string scheme{};
    std::string user{};
    std::string password{};  ///< If empty, *user* is a token.
    std::string host{};
    std::string port{};

    [[nodiscard]] std::string name() const { return host + ":" + port; }
};

inline std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned byte = 0;
        const char* digits = text.data() + i + 1;
        const bool escape = text[i] == '%' && i + 2 < text.size() &&
                            std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
        out += escape ? static_cast<char>(byte) : text[i];
        if (escape) i += 2;
    }
    return out;
}

// Take `nats://user:password@host:port` apart; all but the host may be missing.
inline NatsServer parse_nats_url(std::string_view url) {
    NatsServer server{"nats", {}, {}, {}, "4222"};
    if (const auto end = url.find("://"); end != std::string_view::npos) {
        server.scheme = std::string(url.substr(0, end));
        url.remove_prefix(end + 3);
    }
    url = url.substr(0, url.find_first_of("/?#"));
    if (const auto at = url.rfind('@'); at != std::string_view::npos) {
        const std::string_view who = url.substr(0, at);
        const auto colon = who.find(':');
        server.user = percent_decoded(who.substr(0, colon));
        if (colon != std::string_view::npos)
            server.password = percent_decoded(who.substr(colon + 1));
        url.remove_prefix(at + 1);
    }
    const auto bracket = url.find(']');  // [::1]:4222
    const auto colon = url.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon != std::string_view::npos) server.port = std::string(url.substr(colon + 1));
    url = url.substr(0, colon);
    if (bracket != std::string_view::npos && url.front() == '[') url = url.substr(1, bracket - 1);
    server.host = std::string(url);
    return server;
}

/// Return *name* as one token of a subject, as `subjects.escape` does.
inline std::string escape_token(std::string_view name) {
    constexpr const char* HEX = "0123456789ABCDEF";
    std::string out;
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter || (c >= '0' && c <= '9') || c == '_' || c == '-') {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '=';
            out += HEX[byte >> 4U];
            out += HEX[byte & 0xFU];
        }
    }
    return out;
}

/// Where this host's worker takes requests: by boot id, the same in every container.
inline std::string register_subject() {
    std::string address = first_line("/proc/sys/kernel/random/boot_id");
    char host[256] = {};
    if (address.empty() && ::gethostname(host, sizeof host - 1) == 0) address = host;
    return "robometrics.v1.register." + escape_token(address);
}

inline std::string nats_question(const NatsServer& server, const std::string& request) {
    std::string connect =
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"cpp\",\"protocol\":1,"
        "\"name\":\"robometrics\",\"headers\":true,\"no_responders\":true"
        ",\"version\":\"" ROBOMETRICS_VERSION "\"";
    if (!server.password.empty()) {
        connect += ",\"user\":" + quoted(server.user) + ",\"pass\":" + quoted(server.password);
    } else if (!server.user.empty()) {
        connect += ",\"auth_token\":" + quoted(server.user);
    }
    const std::string inbox = "_INBOX." + first_line("/proc/sys/kernel/random/uuid");
    return connect + "}\r\nSUB " + inbox + " 1\r\nPUB " + register_subject() + " " + inbox + " " +
           std::to_string(request.size()) + "\r\n" + request + "\r\n";
}

/// Read the message whose first line is *head*: `MSG inbox 1 SIZE`, or, with headers,
/// `HMSG inbox 1 HEADERS SIZE`.
inline std::optional<Result> nats_reply(Channel& channel, const std::string& head) {
    const std::vector<std::string> words = split(head.substr(0, 1000), ' ');
    const auto number = [&words](std::size_t from_end) {
        std::size_t value = REPLY_BYTES_MAX + 1;
        if (words.size() < 4) return value;
        const std::string& word = words[words.size() - from_end];
        std::from_chars(word.data(), word.data() + word.size(), value);
        return value;
    };
    const std::size_t size = number(1);
    const std::size_t headers = words[0] == "HMSG" ? number(2) : 0;
    std::string data;
    if (!channel.exactly(size, data)) return std::nullopt;
    if (data.compare(0, 12, "NATS/1.0 503") == 0) {
        channel.fail("no worker listens there");
        return std::nullopt;
    }
    auto result = decode_reply(std::string_view(data).substr(std::min(headers, data.size())));
    if (!result) channel.fail("not a worker's answer");
    return result;
}

inline std::optional<Result> ask_nats(Channel& channel, const NatsServer& server,
                                      const std::string& request) {
    const bool plain = server.scheme == "nats" || server.scheme == "tcp";
    const auto refuse = [&channel](std::string why) {
        channel.fail(std::move(why));
        return std::optional<Result>();
    };
    constexpr const char* NO_TLS = "TLS and websockets are not supported by the C++ client";
    if (!plain) return refuse(NO_TLS);
    if (server.host.empty() || !is_utf8(server.user + server.password)) return refuse("not a URL");
    std::string line;
    if (!channel.connect_tcp(server.host, server.port) || !channel.line(line)) return std::nullopt;
    auto info = line.compare(0, 5, "INFO ") == 0 ? Json::read(line.substr(5)) : std::nullopt;
    if (!info) return refuse("not a NATS broker");
    if ((*info)["tls_required"] == "true") return refuse(NO_TLS);
    if (!channel.send(nats_question(server, request))) return std::nullopt;
    while (channel.line(line)) {
        const std::string verb = line.substr(0, line.find(' '));
        if (verb == "MSG" || verb == "HMSG") return nats_reply(channel, line);
        if (verb == "-ERR") return refuse(line.substr(0, 200));
        if (verb == "PING" && !channel.send("PONG\r\n")) return std::nullopt;
    }
    return std::nullopt;
}

// ---------------------------------------------------------------- the agent

struct Job {
    bool registers = true;
    Options options{};
    Environment environment{};
    std::optional<std::int64_t> ticks{};  ///< Of another process, when the program named it.
    std::shared_ptr<Outcome> outcome{};
    Time since = Clock::now();
    Time due = since;
    std::chrono::milliseconds backoff = FIRST_RETRY;

    [[nodiscard]] bool is_own() const { return outcome->pid == outcome->asker; }
};

inline std::string plan_json(const Plan& plan) {
    std::string out;
    const auto add = [&out](const char* name, const std::string& value) {
        out += (out.empty() ? "\"" : ",\"") + std::string(name) + "\":" + value;
    };
    if (plan.interval.count() != 0) add("interval_ns", std::to_string(plan.interval.count()));
    const std::pair<const char*, bool> parts[] = {
        {"tree", plan.tree},       {"children", plan.children},
        {"threads", plan.threads}, {"memory_detail", plan.memory_detail},
        {"cgroup", plan.cgroup},   {"open_files", plan.open_files}};
    for (const auto& [name, wanted] : parts) {
        if (wanted) add(name, "true");
    }
    return "{" + out + "}";
}

/// The request as `requests.RegisterRequest` or `UnregisterRequest` has it.
inline std::string request_json(const Job& job) {
    const std::string pid = std::to_string(job.outcome->pid);
    const auto ticks = job.is_own() ? start_ticks("self") : job.ticks;
    std::string out = job.registers ? "{\"type\":\"register\"" : "{\"type\":\"unregister\"";
    out += ",\"pid\":" + pid;
    if (!job.outcome->name.empty()) out += ",\"name\":" + quoted(job.outcome->name);
    if (ticks) out += ",\"start_ticks\":" + std::to_string(*ticks);
    const std::string boot_id = first_line("/proc/sys/kernel/random/boot_id");
    if (!boot_id.empty()) out += ",\"boot_id\":" + quoted(boot_id);
    if (const auto ns = pid_namespace()) out += ",\"pid_namespace\":" + std::to_string(*ns);
    if (const auto offset = boottime_offset_ns())
        out += ",\"boottime_offset_ns\":" + std::to_string(offset);
    if (job.registers) {
        std::string tags;
        for (const auto& [key, value] : job.options.tags)
            tags += (tags.empty() ? "" : ",") + quoted(key) + ":" + quoted(value);
        out += ",\"tags\":{" + tags + "},\"plan\":" + plan_json(job.options.plan);
    }
    return out + "}";
}

/// The request as it goes over the network, where a token says what a socket need not.
inline std::string with_token(const std::string& request, const std::string& file) {
    if (file.empty()) return request;
    return request.substr(0, request.size() - 1) + ",\"token\":" + quoted(first_line(file)) + "}";
}

/// Ask once, each way; what nobody accepted is pending, or refused by whoever answered.
inline Result ask(const Job& job, Socket& socket, const std::atomic<int>& stoppers) {
    const std::string request = request_json(job);
    if (request.size() > REQUEST_BYTES_MAX) return refusal("too_long", "the request is too long");
    const Ways ways = find_ways(job.environment);
    std::optional<Result> refused;
    std::string tried;
    const auto settles = [&](const std::optional<Result>& answer, const std::string& where,
                             const Channel& channel) {
        if (!answer) tried += (tried.empty() ? "" : ", ") + where + " (" + channel.problem() + ")";
        if (answer && !answer->accepted() && !refused) refused = answer;
        return answer && answer->accepted();
    };
    const auto deadline = [&job] { return Clock::now() + job.options.answer_timeout; };
    for (const std::string& path : ways.sockets) {
        Channel channel(socket, deadline());
        const auto answer = ask_socket(channel, path, request);
        if (stoppers > 0 || settles(answer, path, channel)) return answer.value_or(Result{});
    }
    for (const std::string& url : split(ways.nats_url, ',')) {
        if (url.empty()) continue;
        const NatsServer server = parse_nats_url(url);
        Channel channel(socket, deadline());
        const auto answer =
            ask_nats(channel, server, with_token(request, job.environment.token_file));
        if (stoppers > 0 || settles(answer, server.name(), channel))
            return answer.value_or(Result{});
    }
    if (refused) return *refused;
    Result nobody;
    nobody.code = "no_worker";
    nobody.reason = "no worker answers at " + tried +
                    ": is robometrics-worker (or robometrics up) running on this host?";
    if (job.environment.has_config_file)
        nobody.reason += " ROBOMETRICS_CONFIG is not read by C++ programs.";
    return nobody;
}

/// Holds what is asked for, and asks in a thread that lives only as long as that takes.
/// Never destroyed: the thread may outlast main.
class Agent {
public:
    /// Return this process's own; a forked child gets a new one.
    static Agent& get() {
        Agent* agent = current_.load();
        if (agent != nullptr && agent->is_mine()) return *agent;
        if (!has_hooks_.exchange(true)) {
            ::pthread_atfork(nullptr, nullptr, forget_in_child);
            std::atexit(stop_at_exit);
        }
        auto fresh = std::make_unique<Agent>(agent);
        if (current_.compare_exchange_strong(agent, fresh.get())) return *fresh.release();
        return *agent;  // another thread was first
    }

    explicit Agent(Agent* parents) : parents_(parents) {}

    static bool stop_current(std::chrono::milliseconds timeout) {
        Agent* agent = current_.load();
        return agent == nullptr || !agent->is_mine() || agent->stop(timeout);
    }

    /// Whether its thread is of this process, not of the one this was forked from.
    [[nodiscard]] bool is_mine() const { return pid_ == this_pid(); }

    void submit(Job job) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!job.registers) forget(*job.outcome);
        if (stoppers_ > 0) {
            job.outcome->set(refusal("shut_down", "it is shutting down"));
        } else if (jobs_.size() >= PENDING_MAX) {
            job.outcome->set(refusal("too_many", "too many registrations wait for a worker"));
        } else {
            jobs_.push_back(std::make_shared<Job>(std::move(job)));
            changed_.notify_all();
            if (!running_) start();
        }
    }

    void enter(const std::string& name) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++guards_[name];
    }

    /// Return whether that was the last guard of *name*.
    bool leave(const std::string& name) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = guards_.find(name);
        if (found == guards_.end() || --found->second > 0) return false;
        guards_.erase(found);
        return true;
    }

private:
    using Jobs = std::vector<std::shared_ptr<Job>>;

    static void forget_in_child() noexcept {
        Agent* agent = current_.load();
        if (agent == nullptr) return;
        agent->pid_ = 0;
        agent->socket_.abandon();
    }

    static void stop_at_exit() noexcept {
        ROBOMETRICS_TRY { stop_current(EXIT_PATIENCE); }
        ROBOMETRICS_CATCH {}  // out of memory: the process ends either way
    }

    static void* run_thread(void* agent) {
        ::prctl(PR_SET_NAME, "robometrics");
        static_cast<Agent*>(agent)->run();
        return nullptr;
    }

    /// Start the thread: without the caller's real-time priority, the program's signals,
    /// or a stack that mlockall would make megabytes of memory.
    void start() {
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_t modest;
        sched_param usual{};
        ::pthread_attr_init(&modest);
        ::pthread_attr_setstacksize(&modest, 512 * 1024);
        ::pthread_attr_setinheritsched(&modest, PTHREAD_EXPLICIT_SCHED);
        ::pthread_attr_setschedpolicy(&modest, SCHED_OTHER);
        ::pthread_attr_setschedparam(&modest, &usual);
        int error = ::pthread_create(&thread_, &modest, run_thread, this);
        if (error != 0) error = ::pthread_create(&thread_, nullptr, run_thread, this);
        ::pthread_attr_destroy(&modest);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        running_ = error == 0;
        if (!running_) drop_all("no_thread", std::generic_category().message(error));
    }

    bool stop(std::chrono::milliseconds timeout) {
        const Time deadline = Clock::now() + bounded(timeout);
        std::unique_lock<std::mutex> lock(mutex_);
        if (running_ && ::pthread_equal(thread_, ::pthread_self()) != 0) return false;
        ++stoppers_;
        drop_all("shut_down", "it was shut down before a worker answered");
        changed_.notify_all();
        while (running_ && Clock::now() < deadline) {
            socket_.interrupt();
            changed_.wait_for(lock, std::chrono::milliseconds{5});
        }
        --stoppers_;
        const bool ended = !running_;
        const auto unjoined = std::exchange(unjoined_, std::nullopt);
        lock.unlock();
        if (unjoined) ::pthread_join(*unjoined, nullptr);
        return ended;
    }

    void run() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (stoppers_ == 0 && !jobs_.empty()) {
            const auto earlier = [](const auto& a, const auto& b) { return a->due < b->due; };
            const auto job = *std::min_element(jobs_.begin(), jobs_.end(), earlier);
            if (job->due > Clock::now()) {
                changed_.wait_until(lock, job->due);
                continue;
            }
            job->due = Clock::now() + LAST_RETRY;  // should memory run out now
            lock.unlock();
            ROBOMETRICS_TRY { attempt(*job); }
            ROBOMETRICS_CATCH {}
            lock.lock();
        }
        running_ = false;
        if (stoppers_ > 0) {
            unjoined_ = ::pthread_self();
        } else {
            ::pthread_detach(::pthread_self());
        }
        changed_.notify_all();
    }

    void attempt(Job& job) {
        Result result = ask(job, socket_, stoppers_);
        const bool answered = result.state != State::pending;
        const auto limit = job.options.give_up_after;
        if (!job.registers && result.state != State::refused) {
            result.state = State::unregistered;  // without a worker, nothing is measured
        } else if (!answered && limit.count() > 0 && Clock::now() >= job.since + limit) {
            result.state = State::refused;
        }
        const bool is_settled = result.state != State::pending;
        const bool is_news = is_settled || job.backoff == FIRST_RETRY;
        if (is_news && job.outcome->is_pending()) tell(job.options, describe(job, result));
        const std::lock_guard<std::mutex> lock(mutex_);
        if (is_settled) {
            forget_job(job);
        } else {
            job.due = Clock::now() + job.backoff;
            if (limit.count() > 0) job.due = std::min(job.due, job.since + limit);
            job.backoff = std::min(job.backoff * 2, LAST_RETRY);
        }
        if (answered) {  // there is a worker: the others need not wait
            for (const auto& each : jobs_) each->due = Clock::now();
        }
        job.outcome->set(result);
    }

    static std::string describe(const Job& job, const Result& result) {
        const std::string who = "robometrics: " + job.outcome->name + " ";
        if (result.accepted()) return who + "is measured on " + result.host;
        if (result.state == State::refused) return who + "was refused: " + result.reason;
        return who + "waits: " + result.reason;
    }

    /// What is not registered yet need not be.
    void forget(const Outcome& farewell) {
        Result gone;
        gone.state = State::unregistered;
        const auto is_meant = [&](const std::shared_ptr<Job>& job) {
            const Outcome& each = *job->outcome;
            const bool same = farewell.name.empty() || farewell.name == each.name;
            return job->registers && each.pid == farewell.pid && same;
        };
        for (const auto& job : jobs_) {
            if (is_meant(job)) job->outcome->set(gone);
        }
        jobs_.erase(std::remove_if(jobs_.begin(), jobs_.end(), is_meant), jobs_.end());
    }

    void forget_job(const Job& job) {
        const auto is_it = [&job](const auto& each) { return each.get() == &job; };
        jobs_.erase(std::remove_if(jobs_.begin(), jobs_.end(), is_it), jobs_.end());
    }

    void drop_all(const std::string& code, const std::string& reason) {
        for (const auto& job : jobs_) job->outcome->set(refusal(code, reason));
        jobs_.clear();
    }

    inline static std::atomic<Agent*> current_{nullptr};
    inline static std::atomic<bool> has_hooks_{false};

    [[maybe_unused]] Agent* const parents_;  // held, so that none of it looks leaked
    std::atomic<int> pid_{this_pid()};
    std::mutex mutex_;
    std::condition_variable changed_;
    Jobs jobs_;
    std::map<std::string, int> guards_;
    Socket socket_;
    pthread_t thread_{};
    bool running_ = false;
    std::atomic<int> stoppers_{0};
    std::optional<pthread_t> unjoined_;  ///< Ended while somebody waits for that.
};

/// Hand one request to the agent; what cannot be one is refused here.
inline void submit(bool registers, const Options& options, std::shared_ptr<Outcome> outcome) {
    bool good = is_utf8(outcome->name);  // else there is no JSON of it
    for (const auto& [key, value] : options.tags) good = good && is_utf8(key) && is_utf8(value);
    if (!good) {
        outcome->set(refusal("invalid_name", "a name or tag is not valid UTF-8"));
        tell(options, "robometrics: refused: a name or tag is not valid UTF-8");
        return;
    }
    Job job;
    job.registers = registers;
    job.options = options;
    job.options.answer_timeout = bounded(options.answer_timeout);
    job.options.give_up_after = bounded(options.give_up_after);
    job.outcome = std::move(outcome);
    if (!job.is_own()) job.ticks = start_ticks(std::to_string(job.outcome->pid));
    Agent::get().submit(std::move(job));
}

inline void enter(const std::string& name) { Agent::get().enter(name); }
inline bool leave(const std::string& name) { return Agent::get().leave(name); }
inline bool stop(std::chrono::milliseconds timeout) { return Agent::stop_current(timeout); }

#else  // not Linux: nothing is started, and every handle says why

inline std::string program_name() { return "program"; }
inline void submit(bool, const Options&, const std::shared_ptr<Outcome>& outcome) {
    outcome->set(refusal("not_supported", "RoboMetrics measures programs on Linux only"));
}
inline void enter(const std::string&) {}
inline bool leave(const std::string&) { return false; }
inline bool stop(std::chrono::milliseconds) { return true; }

#endif

inline Handle request(bool registers, int pid, std::string_view name,
                      const Options& options) noexcept {
    std::shared_ptr<Outcome> outcome;
    ROBOMETRICS_TRY {
        const bool nameless = registers && name.empty();
        outcome = std::make_shared<Outcome>(pid, nameless ? program_name() : std::string(name));
        submit(registers, options, outcome);
    }
    ROBOMETRICS_CATCH { outcome.reset(); }  // out of memory: the empty handle says so
    return Handle(std::move(outcome));
}

}  // namespace detail

// ---------------------------------------------------------------- what the functions do

inline Result Handle::wait_for(std::chrono::milliseconds timeout) const {
    if (outcome_) return outcome_->wait_for(timeout);
    return detail::refusal("no_memory", "nothing was asked: out of memory, or an empty handle");
}

inline Handle register_process(std::string_view name, const Options& options) noexcept {
    return detail::request(true, detail::this_pid(), name, options);
}

inline Handle register_pid(int pid, std::string_view name, const Options& options) noexcept {
    return detail::request(true, pid, name, options);
}

inline Handle unregister_process(std::string_view name) noexcept {
    return detail::request(false, detail::this_pid(), name, {});
}

inline Handle unregister_pid(int pid, std::string_view name) noexcept {
    return detail::request(false, pid, name, {});
}

inline bool shutdown(std::chrono::milliseconds timeout) noexcept {
    ROBOMETRICS_TRY { return detail::stop(timeout); }
    ROBOMETRICS_CATCH { return false; }
}

inline Registration::Registration(std::string_view name, const Options& options) noexcept
    : handle_(register_process(name, options)) {
    ROBOMETRICS_TRY {
        if (handle_.outcome_) detail::enter(handle_.outcome_->name);
    }
    ROBOMETRICS_CATCH { handle_ = Handle{}; }
}

inline Registration& Registration::operator=(Registration&& other) noexcept {
    if (this != &other) {
        leave();
        handle_ = std::move(other.handle_);
    }
    return *this;
}

inline void Registration::leave() noexcept {
    const auto outcome = std::exchange(handle_.outcome_, nullptr);
    // A forked child has a copy of the guard; what it guards is its parent's.
    if (!outcome || outcome->asker != detail::this_pid()) return;
    ROBOMETRICS_TRY {
        if (detail::leave(outcome->name)) unregister_process(outcome->name);
    }
    ROBOMETRICS_CATCH {}  // its end unregisters it as well
}

}  // namespace v3_0
}  // namespace robometrics

#undef ROBOMETRICS_TRY
#undef ROBOMETRICS_CATCH

#endif  // ROBOMETRICS_HPP
