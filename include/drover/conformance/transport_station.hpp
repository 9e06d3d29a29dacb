// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/transport_environment.hpp>
#include <drover/policy/transport.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of docs/concepts/transport.md that hold whatever happens.
struct transport_lasting_laws {
    static constexpr char const* outside = "nothing is told within a call to the transport";
    static constexpr char const* on_strand = "everything is told on the strand";
    static constexpr char const* after_stop = "nothing is told after stop()";
    static constexpr char const* between = "frames come from peers that are up, and only those go down";
    static constexpr char const* batches = "the end of its batch follows every frame";
    static constexpr char const* sentences = "a failed dial names the address as it was dialled, and has a sentence";
};

/// One transport under observation: all that it tells is written down, and held to the laws that always hold. Calls are made on
/// the strand, from outside of all turns.
template <transport_environment E>
class transport_station final : public transport_events {
public:
    using transport_type = typename E::transport_type;
    using runtime_type = typename transport_type::runtime_type;

    struct failure {
        std::string address;
        dial_failure why;
        errc code;
        std::string sentence;
    };
    struct arrival {
        node_id from;
        bytes frame;
    };
    /// Options that suit a test, of a node that is named as its host.
    static transport_options options_for(E& environment, std::string const& host, incarnation_number incarnation = 1)
    {
        transport_options options;
        options.cluster_name = "conformance";
        options.self = {host, incarnation};
        options.listen = environment.listen_address(host);
        options.backoff_min = std::chrono::milliseconds{1};
        options.backoff_max = std::chrono::milliseconds{20};
        return options;
    }

    transport_station(report& to, E& environment, std::string const& host, transport_options options)
        : id{options.self}, report_{&to}, environment_{&environment}, runtime_{environment.make_runtime(host)}
    {
        run_on_strand(
            environment, runtime_, [&] { transport_ = std::make_unique<transport_type>(runtime_, std::move(options)); });
    }
    transport_station(transport_station const&) = delete;
    transport_station& operator=(transport_station const&) = delete;
    ~transport_station() { destroy(); }

    // ---- calls -------------------------------------------------------------------------------------------------------

    /// Calls the transport on its strand, from outside; what `what(transport)` gives, or nothing's value when it did not run.
    template <class What>
    auto call(What what)
    {
        std::invoke_result_t<What, transport_type&> result{};
        run_on_strand(*environment_, runtime_, [&] { result = call_here(what); });
        return result;
    }

    /// Calls the transport from a turn, as when it has just told something.
    template <class What>
    auto call_here(What what)
    {
        std::invoke_result_t<What, transport_type&> result{};
        if (transport_ == nullptr)
            return result;
        bool const outer = std::exchange(calling_, true);
        result = what(*transport_);
        calling_ = outer;
        return result;
    }

    errc start()
    {
        return call([this](transport_type& t) { return t.start(*this); });
    }
    std::string address()
    {
        return call([](transport_type& t) { return std::string{t.address()}; });
    }
    void dial(std::string const& at)
    {
        dialled_.push_back(at);
        call([&](transport_type& t) { return t.dial(at), 0; });
    }
    void undial(std::string const& at)
    {
        call([&](transport_type& t) { return t.undial(at), 0; });
    }
    bool send(std::string const& to, bytes frame)
    {
        return call([&](transport_type& t) -> bool { return t.send(to, std::move(frame)); });
    }
    void stop()
    {
        call([&](transport_type& t) { return t.stop(), stopped_ = true, 0; });
    }
    /// From a turn.
    void stop_here()
    {
        call_here([&](transport_type& t) { return t.stop(), stopped_ = true, 0; });
    }
    void destroy()
    {
        run_on_strand(*environment_, runtime_, [&] {
            calling_ = true;
            transport_.reset();
            calling_ = false;
            stopped_ = true;
        });
    }

    // ---- what it heard -----------------------------------------------------------------------------------------------

    [[nodiscard]] bool has_up(node_id const& other) const { return std::find(up.begin(), up.end(), other) != up.end(); }
    [[nodiscard]] bool has_up(std::string_view name) const
    {
        return std::any_of(up.begin(), up.end(), [&](node_id const& each) { return each.name == name; });
    }
    [[nodiscard]] bool in_batch() const { return in_batch_; }

    node_id const id;
    std::vector<node_id> up{};
    std::vector<peer> ups{};      // every one
    std::vector<node_id> downs{}; // every one
    std::vector<failure> failures{};
    std::vector<arrival> arrivals{};
    std::vector<std::string> order{}; // "up a/1", "down a/1", "frame a/1", "failed"
    std::function<void()> when_up{};
    std::function<void()> when_frame{};
    std::function<void()> when_failed{};

private:
    using law = transport_lasting_laws;

    void on_peer_up(peer const& who) override
    {
        hear("up", who.id);
        ups.push_back(who);
        std::erase_if(up, [&](node_id const& each) { return each == who.id; });
        check(law::between, !has_up(who.id.name), who.id.name, " is up with another incarnation, and the earlier one not down");
        up.push_back(who.id);
        tell(when_up);
    }

    void on_peer_down(node_id const& who) override
    {
        hear("down", who);
        check(law::between, has_up(who), who.name, '/', who.incarnation, " is down, and was not up");
        std::erase(up, who);
        downs.push_back(who);
    }

    void on_dial_failed(std::string_view address, dial_failure why, errc code, std::string_view sentence) override
    {
        hear("failed", {});
        check(law::sentences, !sentence.empty(), "a failed dial of '", address, "' has no sentence");
        check(law::sentences, std::find(dialled_.begin(), dialled_.end(), address) != dialled_.end(), "'", address,
            "' was not dialled");
        failures.push_back({std::string{address}, why, code, std::string{sentence}});
        tell(when_failed);
    }

    void on_frame(node_id const& from, bytes_view frame) override
    {
        hear("frame", from);
        in_batch_ = true;
        check(law::between, has_up(from), "a frame came from ", from.name, '/', from.incarnation, ", which is not up");
        arrivals.push_back({from, bytes{frame}});
        tell(when_frame);
    }

    void on_batch_end() override
    {
        hear("batch end", {});
        in_batch_ = false;
    }

    void hear(char const* what, node_id const& who)
    {
        check(law::outside, !calling_, "'", what, "' was told within a call");
        check(law::after_stop, !stopped_, "'", what, "' was told after stop()");
        auto const inside = std::make_shared<bool>(false);
        runtime_.dispatch([inside] { *inside = true; });
        check(law::on_strand, *inside, "'", what, "' was told, and dispatch() does not run at once: it is not on the strand");
        order.push_back(std::string{what} + ' ' + who.name + '/' + std::to_string(who.incarnation));
    }

    static void tell(std::function<void()> const& hook)
    {
        if (auto const copy = hook)
            copy();
    }

    template <class... Parts>
    void check(char const* law_name, bool holds, Parts const&... sentence)
    {
        report_->law(law_name);
        report_->check(holds, sentence..., "; node ", id.name, '/', id.incarnation);
    }

    report* report_;
    E* environment_;
    runtime_type runtime_;
    std::unique_ptr<transport_type> transport_{};
    std::vector<std::string> dialled_{};
    bool calling_ = false;
    bool stopped_ = false;
    bool in_batch_ = false;
};

} // namespace drover::conformance
