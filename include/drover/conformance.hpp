// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Suites that hold a model of a policy to the laws of its page in docs/concepts. No test framework is needed.

#include <drover/conformance/membership.hpp>
#include <drover/conformance/placement.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/state_store.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/conformance/transport.hpp>
#include <drover/drover.hpp>
