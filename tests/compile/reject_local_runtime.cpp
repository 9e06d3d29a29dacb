// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the parameter of local_supervisor must be a runtime
#include <drover/local_supervisor.hpp>

struct no_runtime {
    using executor_type = int;
    using mutex_type = int;
    using timer_type = int;
};
void use(drover::local_supervisor<no_runtime>& supervisor) { (void)supervisor.which_children(); }
