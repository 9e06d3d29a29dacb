// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace story {

using namespace std::chrono_literals;
using drover::error_code;

/// What really happened, as children and completions told it.
class ledger {
public:
    struct instance {
        std::string node;
        std::uint64_t life = 0;
        std::uint64_t generation = 0;
        std::uint64_t count = 0;
    };

    void begin(std::string const& id, void const* who, instance what)
    {
        if (!generations_.insert({id, what.generation, what.node, what.life}).second)
            fail(id + ": generation " + std::to_string(what.generation) + " was given to two instances on " + what.node);
        // With loss, or when it was restarted while the batch before was in flight, a claim may die with its node before anybody
        // heard of it; nothing was acknowledged under it then.
        if (whole && lossless && what.generation <= newest_[id])
            fail(id + ": generation " + std::to_string(what.generation) + " after " + std::to_string(newest_[id]));
        newest_[id] = std::max(newest_[id], what.generation);
        if (whole && what.count < acknowledged[id])
            fail(id + ": starts with count " + std::to_string(what.count) + ", but " + std::to_string(acknowledged[id])
                + " was acknowledged");
        if (whole && what.count < saved[id])
            fail(id + ": starts with count " + std::to_string(what.count) + ", but " + std::to_string(saved[id])
                + " was handed over");
        running[id][who] = std::move(what);
        ++starts;
    }

    void end(std::string const& id, void const* who)
    {
        auto const found = running.find(id);
        if (found == running.end())
            return;
        found->second.erase(who);
        if (found->second.empty())
            running.erase(found);
    }

    // What an instance gave when it was stopped counts until a node dies or a link is cut: it was not acknowledged.
    void disturbed()
    {
        whole = false;
        saved.clear();
    }

    void node_died(std::string const& node)
    {
        for (auto at = running.begin(); at != running.end();) {
            std::erase_if(at->second, [&](auto const& item) { return item.second.node == node; });
            at = at->second.empty() ? running.erase(at) : std::next(at);
        }
    }

    void fail(std::string what) { violations.push_back(std::move(what)); }

    std::map<std::string, std::map<void const*, instance>> running;
    std::map<std::string, std::uint64_t> acknowledged; ///< the largest count whose checkpoint was acknowledged
    std::map<std::string, std::uint64_t> saved;        ///< the largest count that an instance gave when it was stopped
    std::set<std::string> started;                     ///< acknowledged
    std::set<std::string> touched;                     ///< a terminate or delete was tried: may or may not run
    std::set<std::string> deleted;                     ///< acknowledged
    std::vector<std::string> violations;
    std::function<void(std::string const&)> on_acknowledged; ///< a checkpoint of a child on this node
    std::function<bool()> fails;                             ///< a child, now
    std::uint64_t starts = 0;
    bool lossless = true;
    bool whole = true; ///< no fault is active, and none was for a while

private:
    std::set<std::tuple<std::string, std::uint64_t, std::string, std::uint64_t>> generations_;
    std::map<std::string, std::uint64_t> newest_;
};

/// Counts, and saves its count.
class counting_child {
public:
    static constexpr std::string_view type_name = "counting";

    counting_child(drover::child_context context, ledger& book, std::uint64_t life)
        : context_{std::move(context)}, ledger_{&book}, life_{life}
    {
    }
    counting_child(counting_child&&) = delete;
    ~counting_child()
    {
        if (begun_)
            ledger_->end(context_.id(), this);
    }

    void restore(drover::bytes_view state) { count_ = std::stoull(std::string{state}); }

    void on_start()
    {
        begun_ = true;
        ledger_->begin(context_.id(), this, {context_.node(), life_, context_.generation(), count_});
        tick();
    }

    void on_generation(drover::generation_number generation) { entry().generation = generation; }
    drover::bytes save() const
    {
        ledger_->saved[context_.id()] = std::max(ledger_->saved[context_.id()], count_);
        return std::to_string(count_);
    }
    void on_message(drover::child_message& message) { message.reply(std::to_string(count_)); }

private:
    ledger::instance& entry() { return ledger_->running[context_.id()][this]; }

    void tick()
    {
        entry().count = ++count_;
        if (ledger_->fails && ledger_->fails())
            return context_.exit("bad luck");
        context_.after(150ms, [this] { tick(); });
        if (count_ % 3 != 0)
            return;
        context_.checkpoint(std::to_string(count_),
            [book = ledger_, id = context_.id(), node = context_.node(), count = count_](error_code code) {
                if (code)
                    return;
                book->acknowledged[id] = std::max(book->acknowledged[id], count);
                if (book->on_acknowledged)
                    book->on_acknowledged(node);
            });
    }

    drover::child_context context_;
    ledger* ledger_;
    std::uint64_t life_;
    std::uint64_t count_ = 0;
    bool begun_ = false;
};

} // namespace story
