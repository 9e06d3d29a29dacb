// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/supervision/child_listing.hpp>
#include <drover/supervision/child_spec.hpp>

#include <string>
#include <utility>

namespace drover {

/// What a source may use of the node that it is registered on. On the strand only. Valid from `start` to `stop`.
class source_host {
public:
    [[nodiscard]] virtual time_point now() const = 0;
    /// Runs `turn` on the strand after so long, instead of what was set before. One timer for each source.
    virtual void set_timer(duration after, unique_function<void()> turn) = 0;
    /// Runs `work` off the strand, where it may block, and then `done` on it; not after `stop`. On a runtime that cannot do
    /// such work (see `offloading_runtime`), `work` runs on the strand.
    virtual void offload(unique_function<void()> work, unique_function<void()> done) = 0;

protected:
    ~source_host() = default;
};

/// A list of children that is kept elsewhere: in a file, in a database. The children whose ids it owns are those that it
/// lists: what is missing is started, what differs is updated, what is no longer listed is terminated and deleted.
///
/// Register it on every node that may run the supervisor, the same list under the same name (`add_child_source`). One node at a
/// time reads it: the one that placement names for its name among those that have registered it.
///
/// Threads: everything is called on the node's strand, and what is handed to the source is called by it on the strand. An
/// exception counts as a failure.
class child_source {
public:
    /// Success is an empty sentence.
    using write_done = unique_function<void(std::string failure)>;
    using read_done = unique_function<void(source_reading)>;

    /// `name`: 1 to 200 octets, and one of a kind within the supervisor.
    explicit child_source(std::string name) : name_{std::move(name)}
    {
        expects(!name_.empty() && name_.size() <= limits::source_name_size_max, "a child source has a name of 1 to 200 octets");
    }
    child_source(child_source const&) = delete;
    child_source& operator=(child_source const&) = delete;
    virtual ~child_source() = default;

    [[nodiscard]] std::string const& name() const { return name_; }

    /// The match rule: the part of the id space that is this source's. A function of the id alone, which gives the same answer
    /// at any time and on any node, and costs little. Where two sources own an id, it is the first registered one's.
    [[nodiscard]] virtual bool owns(bytes_view id) const noexcept = 0;

    /// Before everything else, once. `changed` is to be called when the list may have changed: then it is read again. What
    /// comes together is taken together, and the list is read every `reread_interval` anyway.
    virtual void start(source_host& host, unique_function<void()> changed) = 0;
    /// The end: nothing of `host` is used any more, and no handler is called. Not called when the node's executor ends first.
    virtual void stop() = 0;

    /// Gives all of the list, or why it could not be read, by calling `done` once, now or later. One reading at a time. A
    /// reading that takes longer than `read_timeout` has failed, and its answer is ignored.
    virtual void read(read_done done) = 0;

    /// The list may be changed through the supervisor: starts, updates and deletions of its ids write to it first. Those of a
    /// source that is not writable are refused with `errc::owned_by_source`. The same at any time.
    [[nodiscard]] virtual bool is_writable() const noexcept { return false; }
    /// Adds an entry, or replaces the one of the same id, and calls `done` once, now or later. Pre: writable.
    virtual void put(child_spec spec, write_done done)
    {
        (void)spec;
        done("it is not writable");
    }
    /// Removes an entry; success too when there is none. Pre: writable.
    virtual void remove(child_id id, write_done done)
    {
        (void)id;
        done("it is not writable");
    }

private:
    std::string name_;
};

} // namespace drover
