// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/child/object.hpp>
#include <drover/process/process_child.hpp>
#include <drover/process/process_session.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace drover {
namespace detail {

/// A child that is an operating-system process, as its supervisor drives it. What goes on meanwhile is the session's, which
/// handlers that wait may outlive.
class process_instance final : public child_instance {
public:
    process_instance(child_context context, process_child what, boost::asio::any_io_executor const& executor)
        : session_{std::make_shared<process_session>(std::move(context), std::move(what), executor)}
    {
    }

    ~process_instance() override { session_->abandon(); }

    void start() override { session_->start(); }
    void deliver(child_message message) override { session_->deliver(std::move(message)); }
    std::optional<bytes> save() override { return std::nullopt; }
    stop_result stop() override { return session_->stop(); }
    // The environment of a process cannot be changed. Its line handlers see the new generation in their context.
    void regranted(generation_number) override {}

private:
    std::shared_ptr<process_session> session_;
};

} // namespace detail

/// In a simulation there are no processes: the start fails, and says so. The rest of a program can be simulated all the same.
template <>
struct child_kind<process_child> {
    template <class Make, class Executor>
    static std::unique_ptr<child_instance> make(child_context context, Make& make, Executor const& executor)
    {
        if constexpr (requires { Executor::is_simulated; }) {
            throw std::runtime_error{"a process child needs the real world: there are no processes in a simulation"};
        } else {
            process_child what = make(context);
            if (auto const wrong = validate(what); !wrong.empty())
                throw std::invalid_argument{wrong};
            return std::make_unique<detail::process_instance>(std::move(context), std::move(what), executor);
        }
    }
};

} // namespace drover
