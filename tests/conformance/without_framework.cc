// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// The suites in a plain program: the exit code is 0 when both models pass.
#include "own_placement.hpp"
#include "whole_state_store.hpp"

#include <drover/conformance/placement.hpp>
#include <drover/conformance/state_store.hpp>

#include <iostream>

namespace {

bool check_placement()
{
    auto const found = drover::conformance::check_placement<models::by_remainder>();
    std::cout << found << '\n';
    return found.passed();
}

bool check_store()
{
    auto const found = drover::conformance::check_state_store<models::whole_state_store>({.seed = 1, .rounds = 4});
    std::cout << found << '\n';
    return found.passed();
}

} // namespace

int main()
{
    auto const placement = check_placement();
    auto const store = check_store();
    return placement && store ? 0 : 1;
}
