// A program that registers itself in every way there is; argv[1] says which.

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <robometrics_compat.hpp>
#include <string>
#include <thread>
#include <vector>

std::string state_of_early();  // in early.cpp

namespace {

using namespace std::chrono_literals;
using robometrics::Handle;
using robometrics::Options;
using robometrics::Registration;
using robometrics::Result;

constexpr auto LONG = 60s;

const char* word(const Result& result) {
    const char* const words[] = {"pending", "accepted", "refused", "unregistered"};
    return words[static_cast<int>(result.state)];
}

void print(const Result& result) {
    std::cout << word(result) << '|' << result.code << '|' << result.reason << '|' << result.host
              << std::endl;
}

bool next_line() {
    std::string line;
    return static_cast<bool>(std::getline(std::cin, line));
}

Options logging() {
    Options options;
    options.log = [](std::string_view news) { std::cout << news << std::endl; };
    return options;
}

/// Register each name given, and stay until told to go.
int names(const std::vector<std::string>& given) {
    for (const auto& name : given) print(robometrics::register_process(name).wait_for(LONG));
    next_line();
    return 0;
}

int planned() {
    Options options{{"team", "nav"}, {"site", "a \"b\"\n"}};
    options.plan.interval = 250ms;
    options.plan.tree = options.plan.children = options.plan.threads = true;
    options.plan.memory_detail = options.plan.open_files = options.plan.cgroup = true;
    const Result result = robometrics::register_process("planner", options).wait_for(LONG);
    print(result);
    std::cout << result.interval.count() << '|' << result.run << std::endl;
    next_line();
    return 0;
}

int guard() {
    {
        const Registration first{"mapping", {{"team", "nav"}}};
        Registration second{"mapping"};
        Registration moved = std::move(second);
        print(first.wait_for(LONG));
        print(moved.wait_for(LONG));
        next_line();
        moved = Registration{"planning"};  // one guard of "mapping" is left
        print(moved.wait_for(LONG));
        next_line();
    }
    std::cout << "left" << std::endl;
    next_line();
    return 0;
}

int at_once() {
    robometrics::register_process("brief");
    return 7;
}

/// What is asked of nobody: every call returns, and what was asked is pending.
int alone() {
    const Handle handle = robometrics::register_process();
    robometrics::register_pid(1, "init");
    const Registration registration{"guarded"};
    std::cout << word(handle.result()) << std::endl;
    return 0;
}

int waiting() {
    const Handle handle = robometrics::register_process("early", logging());
    print(handle.wait_for(LONG));
    return 0;
}

/// Say what is waited for, once the agent has asked; end while it goes on asking.
int impatient(const char* timeout_ms) {
    Options options = logging();
    options.answer_timeout = std::chrono::milliseconds{std::atoi(timeout_ms)};
    options.give_up_after = 1ms;
    print(robometrics::register_process("planner", options).wait_for(LONG));
    return 0;
}

int many_threads() {
    std::vector<std::thread> threads;
    for (int each = 0; each < 8; ++each) {
        threads.emplace_back([each] {
            const std::string name = "thread-" + std::to_string(each);
            const bool accepted = robometrics::register_process(name).wait_for(LONG).accepted();
            const Registration registration{"of-" + name};
            if (!accepted || !registration.wait_for(LONG).accepted()) std::abort();
        });
    }
    for (auto& each : threads) each.join();
    std::cout << "registered" << std::endl;
    next_line();
    return 0;
}

int count(const char* folder) {
    DIR* entries = ::opendir(folder);
    int found = -3;  // ".", "..", and, of descriptors, the one that lists them
    while (const dirent* entry = ::readdir(entries)) found += entry != nullptr ? 1 : 0;
    ::closedir(entries);
    return found;
}

int forked() {
    const int threads = count("/proc/self/task");
    const Registration parent{"parent"};
    const Result before = parent.wait_for(LONG);
    // What a thread holds when another one forks looks like a leak in the child.
    while (count("/proc/self/task") > threads) std::this_thread::yield();
    const pid_t pid = ::fork();
    if (pid == 0) {
        print(parent.result());
        const Result child = robometrics::register_process("child").wait_for(LONG);
        print(child);
        std::cout << (child.run != before.run ? "another run" : "the same run") << std::endl;
        next_line();
        std::exit(0);  // ends the child's copy of nothing: "parent" stays registered
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::cout << "child ended " << status << ' ' << word(parent.result()) << std::endl;
    next_line();
    return 0;
}

/// Fork, again and again, while the agent talks to nobody.
int fork_storm() {
    for (int each = 0; each < 20; ++each) {
        robometrics::register_process("storm-" + std::to_string(each));
        const pid_t pid = ::fork();
        if (pid == 0) {
            robometrics::register_process("child");
            const bool stopped = robometrics::shutdown(LONG);
            ::_exit(stopped ? 0 : 1);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        if (status != 0) return 1;
    }
    std::cout << "survived" << std::endl;
    return 0;
}

/// Fork while a question hangs: the child's copy of the conversation is given back.
int copied() {
    const int before = count("/proc/self/fd");
    robometrics::register_process("hanging");
    while (count("/proc/self/fd") == before) std::this_thread::yield();
    std::this_thread::sleep_for(50ms);  // from having a descriptor to holding it
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(count("/proc/self/fd") - before);
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::cout << status << std::endl;
    return 0;
}

/// Become another program while a question hangs: no descriptor goes along.
int exec(const char* self) {
    const int before = count("/proc/self/fd");
    robometrics::register_process("hanging");
    while (count("/proc/self/fd") == before) std::this_thread::yield();
    const std::string descriptors = std::to_string(before);
    ::execl(self, self, "descriptors", descriptors.c_str(), nullptr);
    return 1;
}

int descriptors(const char* before) {
    std::cout << count("/proc/self/fd") - std::atoi(before) << std::endl;
    return 0;
}

/// Stop while a question hangs; then go on as if nothing had been.
int stopped() {
    const int before = count("/proc/self/fd");
    Options patient;
    patient.answer_timeout = 1h;  // so it does not end by itself
    const Handle handle = robometrics::register_process("hanging", patient);
    while (count("/proc/self/fd") == before) std::this_thread::yield();
    std::cout << robometrics::shutdown(LONG) << std::endl;
    print(handle.wait_for(LONG));
    std::cout << count("/proc/self/fd") - before << std::endl;
    std::cout << word(robometrics::register_process("again").result()) << std::endl;
    return 0;
}

/// No thread and no descriptor stays once all is settled.
int quiet() {
    const int before = count("/proc/self/fd");
    const int threads = count("/proc/self/task");
    print(robometrics::register_process("quiet").wait_for(LONG));
    while (count("/proc/self/task") > threads) std::this_thread::yield();
    std::cout << count("/proc/self/fd") - before << std::endl;
    return 0;
}

int withdrawn() {
    const Handle handle = robometrics::register_process("never");
    const Handle farewell = robometrics::unregister_process("never");
    std::cout << word(handle.wait_for(LONG)) << ' ' << word(farewell.wait_for(LONG)) << std::endl;
    return 0;
}

int seed() {
    const int pid = static_cast<int>(::getpid());
    print(AddProcess::AutoRegisterProcess("one").wait_for(LONG));
    print(AddProcess::AsyncAutoRegisterProcess("two").wait_for(LONG));
    print(AddProcess::RegisterProcess(pid, "three").wait_for(LONG));
    print(AddProcess::AsyncRegisterProcess(pid, "four").wait_for(LONG));
    next_line();
    print(AddProcess::UnregisterProcess(pid).wait_for(LONG));
    print(AddProcess::AutoRegisterProcess().wait_for(LONG));
    print(AddProcess::AutoUnregisterProcess().wait_for(LONG));
    next_line();
    return 0;
}

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
        bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
    return bytes;
}

/// For each line "q HEX" the JSON string of it, or "invalid"; for "r HEX" whether it is a
/// JSON object, and the text of its member "a".
int json() {
    namespace detail = robometrics::detail;
    for (std::string line; std::getline(std::cin, line);) {
        const std::string text = from_hex(line.substr(2));
        if (line[0] == 'q') {
            std::cout << (detail::is_utf8(text) ? detail::quoted(text) : "invalid") << std::endl;
            continue;
        }
        auto members = detail::Json::read(text);
        std::string found;
        const bool is_text = members && detail::Json::parse((*members)["a"], found);
        std::cout << (members ? "object " : "invalid ") << (is_text ? detail::quoted(found) : "-")
                  << std::endl;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argv[1];
    const std::vector<std::string> rest(argv + 2, argv + argc);
    if (what == "names") return names(rest);
    if (what == "planned") return planned();
    if (what == "guard") return guard();
    if (what == "at_once") return at_once();
    if (what == "alone") return alone();
    if (what == "waiting") return waiting();
    if (what == "impatient") return impatient(argv[2]);
    if (what == "many_threads") return many_threads();
    if (what == "forked") return forked();
    if (what == "fork_storm") return fork_storm();
    if (what == "copied") return copied();
    if (what == "exec") return exec(argv[0]);
    if (what == "descriptors") return descriptors(argv[2]);
    if (what == "stopped") return stopped();
    if (what == "quiet") return quiet();
    if (what == "withdrawn") return withdrawn();
    if (what == "seed") return seed();
    if (what == "json") return json();
    if (what == "ghost")
        return print(robometrics::register_pid(4194303, "ghost").wait_for(LONG)), 0;
    if (what == "early") return std::cout << state_of_early() << std::endl, 0;
    return 2;
}
