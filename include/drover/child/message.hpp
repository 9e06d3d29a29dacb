// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/function.hpp>

#include <exception>
#include <string>
#include <utility>

namespace drover {

/// What a child is given by `async_call` or `cast`. Movable: a child may keep it and answer later.
class child_message {
public:
    using answer_function = unique_function<void(errc, bytes)>;

    child_message(std::string from, bytes payload, answer_function answer)
        : from_{std::move(from)}, payload_{std::move(payload)}, answer_{std::move(answer)}
    {
    }

    child_message(child_message&& other) noexcept
        : from_{std::move(other.from_)}, payload_{std::move(other.payload_)}, answer_{std::move(other.answer_)}
    {
        other.answer_ = nullptr;
    }
    child_message& operator=(child_message&&) = delete;

    /// A call that nobody answered is answered with `errc::no_such_message`, or with `errc::child_failed` when it is dropped
    /// because the child threw.
    ~child_message()
    {
        if (answer_)
            answer_(std::uncaught_exceptions() > 0 ? errc::child_failed : errc::no_such_message, {});
    }

    /// The node that it comes from.
    [[nodiscard]] std::string const& from() const { return from_; }
    [[nodiscard]] bytes const& payload() const { return payload_; }
    /// It is a call, and not answered yet.
    [[nodiscard]] bool wants_reply() const { return static_cast<bool>(answer_); }

    /// Answers a call. Of a cast, and the second time, it does nothing.
    void reply(bytes answer)
    {
        if (auto send = std::move(answer_); answer_ = nullptr, send)
            send(errc::success, std::move(answer));
    }

    /// Answers a call with an error.
    void fail(errc code)
    {
        if (auto send = std::move(answer_); answer_ = nullptr, send)
            send(code, {});
    }

private:
    std::string from_;
    bytes payload_;
    answer_function answer_;
};

} // namespace drover
