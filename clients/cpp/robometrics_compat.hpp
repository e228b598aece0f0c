// The names under which RoboMetrics was used before: each does what the function beside it
// in robometrics.hpp does. New programs use that.
//
//     AddProcess::AutoRegisterProcess("planner");
//
//     here                                      in Python's Register    in robometrics.hpp
//     AutoRegisterProcess(name)                 auto_register           register_process
//     AsyncAutoRegisterProcess(name)            async_auto_register     register_process
//     RegisterProcess(pid, name)                register, add_process   register_pid
//     AsyncRegisterProcess(pid, name)           register_async          register_pid
//     UnregisterProcess(pid)                    unregister_process      unregister_pid
//     AutoUnregisterProcess()                   auto_unregister         unregister_process

#ifndef ROBOMETRICS_COMPAT_HPP
#define ROBOMETRICS_COMPAT_HPP

#include <string_view>

#include "robometrics.hpp"

class AddProcess {
public:
    static robometrics::Handle AutoRegisterProcess(std::string_view name = {}) noexcept {
        return robometrics::register_process(name);
    }

    static robometrics::Handle AsyncAutoRegisterProcess(std::string_view name = {}) noexcept {
        return robometrics::register_process(name);
    }

    static robometrics::Handle RegisterProcess(int pid, std::string_view name) noexcept {
        return robometrics::register_pid(pid, name);
    }

    static robometrics::Handle AsyncRegisterProcess(int pid, std::string_view name) noexcept {
        return robometrics::register_pid(pid, name);
    }

    static robometrics::Handle UnregisterProcess(int pid) noexcept {
        return robometrics::unregister_pid(pid);
    }

    static robometrics::Handle AutoUnregisterProcess() noexcept {
        return robometrics::unregister_process();
    }
};

#endif  // ROBOMETRICS_COMPAT_HPP
