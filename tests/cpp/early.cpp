// The header in a second file of one program, and used before main.

#include <cstdlib>
#include <robometrics.hpp>
#include <string>

namespace {

const bool is_wanted = std::getenv("REGISTER_EARLY") != nullptr;
const robometrics::Handle early =
    is_wanted ? robometrics::register_process("early") : robometrics::Handle{};

}  // namespace

std::string state_of_early();

std::string state_of_early() {
    const auto result = early.wait_for(std::chrono::seconds{60});
    return result.accepted() ? "accepted" : result.reason;
}

extern "C" void plugin_registers();  // what is loaded as a plugin, and unloaded while it waits

extern "C" void plugin_registers() { robometrics::register_process("plugin"); }
