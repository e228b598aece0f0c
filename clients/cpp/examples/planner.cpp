// A program that is measured as "planner", and as "mapping" while it makes a map.

#include <chrono>
#include <cmath>
#include <iostream>
#include <robometrics.hpp>

namespace {

double make_map(std::chrono::milliseconds busy) {
    const robometrics::Registration guard{"mapping"};
    double sum = 0;
    const auto end = std::chrono::steady_clock::now() + busy;
    for (double x = 1; std::chrono::steady_clock::now() < end; ++x) sum += std::sqrt(x);
    return sum;
}

}  // namespace

int main() {
    robometrics::Options options{{"team", "nav"}};
    options.plan.threads = true;
    options.log = [](std::string_view news) { std::cerr << news << '\n'; };
    const auto registered = robometrics::register_process("planner", options);

    std::cout << "a map of weight " << make_map(std::chrono::seconds{1}) << '\n';

    const auto result = registered.result();  // nobody has to look
    std::cout << (result.accepted() ? "measured on " + result.host : result.reason) << '\n';
}
