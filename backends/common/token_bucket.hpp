// SPDX-License-Identifier: Apache-2.0
// TokenBucket: a rate limit with a burst. Work is let through while a whole token is in the bucket
// and may take more than is in it, so that a request larger than the burst still passes; the debt
// is waited for afterwards. No clock of its own, no allocation.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>

namespace zocalo::backend {

class TokenBucket {
  public:
    using Clock = std::chrono::steady_clock;

    TokenBucket() = default; // no limit
    // `rate` tokens a second (0: no limit), at most `burst` saved up (0: a tenth of a second's).
    TokenBucket(std::uint64_t rate, std::uint64_t burst, Clock::time_point now)
        : rate_{static_cast<double>(rate)},
          burst_{std::max(1.0, static_cast<double>(burst != 0 ? burst : rate / 10))},
          tokens_{burst_}, filled_{now}
    {
    }

    bool limited() const { return rate_ > 0; }
    bool ready(Clock::time_point now)
    {
        fill(now);
        return !limited() || tokens_ >= 1;
    }
    void take(std::uint64_t count)
    {
        if (limited())
            tokens_ -= static_cast<double>(count);
    }
    // How long until ready(), from the time it was asked last.
    Clock::duration wait() const
    {
        if (!limited() || tokens_ >= 1)
            return {};
        const std::chrono::duration<double> seconds{(1 - tokens_) / rate_};
        return std::chrono::ceil<Clock::duration>(std::min(seconds, kLongest));
    }

  private:
    // A debt is looked at again at least so often: the rate may have been raised meanwhile.
    static constexpr std::chrono::duration<double> kLongest{1.0};

    void fill(Clock::time_point now)
    {
        if (now <= filled_)
            return;
        const std::chrono::duration<double> passed = now - filled_;
        tokens_ = std::min(burst_, tokens_ + rate_ * passed.count());
        filled_ = now;
    }

    double rate_ = 0;
    double burst_ = 0;
    double tokens_ = 0;
    Clock::time_point filled_{};
};

// What a device may do: bytes and operations, both at once. Copies share the buckets, so that what
// several devices may do together is one limit that each of them holds.
class RateLimit {
  public:
    using Clock = TokenBucket::Clock;

    RateLimit() = default; // no limit
    RateLimit(TokenBucket bytes, TokenBucket operations)
        : buckets_{std::make_shared<Buckets>(Buckets{bytes, operations})}
    {
    }

    bool limited() const
    {
        return buckets_ && (buckets_->bytes.limited() || buckets_->operations.limited());
    }
    bool ready(Clock::time_point now)
    {
        if (!buckets_)
            return true;
        const bool enough = buckets_->bytes.ready(now);
        return buckets_->operations.ready(now) && enough;
    }
    void take(std::uint64_t size, std::uint64_t count = 1)
    {
        if (!buckets_)
            return;
        buckets_->bytes.take(size);
        buckets_->operations.take(count);
    }
    Clock::duration wait() const
    {
        return buckets_ ? std::max(buckets_->bytes.wait(), buckets_->operations.wait())
                        : Clock::duration{};
    }

  private:
    struct Buckets {
        TokenBucket bytes, operations;
    };
    std::shared_ptr<Buckets> buckets_;
};

} // namespace zocalo::backend
