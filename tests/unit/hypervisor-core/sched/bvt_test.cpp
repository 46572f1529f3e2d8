// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/sched/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;
constexpr std::uint64_t kNever = ~std::uint64_t{0};

// Plays processors: time jumps from one decision to the next.
class Machine {
  public:
    explicit Machine(unsigned cpus) : cpus_(cpus)
    {
        scheduler.set_online((CpuMask{1} << cpus) - 1);
    }

    struct Task {
        SchedGroup group;
        SchedEntity entity;
        std::uint64_t ran{};
    };

    Task& add(unsigned weight = kDefaultWeight, unsigned cap = 0)
    {
        Task& task = *tasks.emplace_back(std::make_unique<Task>());
        task.group.weight = weight;
        task.group.cap = cap;
        task.entity.group = &task.group;
        return task;
    }
    Task& hog(unsigned weight = kDefaultWeight, unsigned cap = 0)
    {
        Task& task = add(weight, cap);
        wake(task);
        return task;
    }
    void wake(Task& task)
    {
        if (const unsigned cpu = scheduler.wake(task.entity, now); cpu < cpus_.size())
            cpus_[cpu].until = now;
    }
    void sleep(Task& task)
    {
        scheduler.sleep(task.entity);
        if (task.entity.running)
            cpus_[task.entity.cpu].until = now;
    }
    void pin(Task& task, CpuMask to)
    {
        if (const unsigned cpu = scheduler.set_affinity(task.entity, to, now); cpu < cpus_.size())
            cpus_[cpu].until = now;
    }
    // Runs until `end`; no processor is left without a decision that was due.
    void run_to(std::uint64_t end)
    {
        for (;;) {
            std::uint64_t next = end;
            for (const Cpu& cpu : cpus_)
                next = std::min(next, std::max(cpu.until, now));
            for (Cpu& cpu : cpus_)
                if (cpu.current != nullptr)
                    task_of(*cpu.current).ran += next - now;
            now = next;
            if (now == end)
                return;
            for (unsigned id = 0; id < cpus_.size(); ++id)
                if (cpus_[id].until <= now)
                    decide(id);
        }
    }
    void run_for(std::uint64_t time) { run_to(now + time); }
    // Until the task runs; how long that took.
    std::uint64_t wait_for(Task& task)
    {
        const std::uint64_t start = now;
        while (!task.entity.running && now < start + kSecond)
            run_for(kMillisecond / 20);
        return now - start;
    }

    Scheduler scheduler;
    std::vector<std::unique_ptr<Task>> tasks;
    std::uint64_t now{kSecond};

  private:
    struct Cpu {
        SchedEntity* current{};
        std::uint64_t until{0};
    };

    Task& task_of(const SchedEntity& entity)
    {
        return **std::find_if(tasks.begin(), tasks.end(), [&](const auto& task) {
            return &task->entity == &entity;
        });
    }
    void decide(unsigned id)
    {
        Cpu& cpu = cpus_[id];
        const auto choice = scheduler.choose(id, cpu.current, now);
        cpu.current = choice.entity;
        if (choice.release)
            scheduler.released(id);
        if (choice.tell != kMaxCpus)
            cpus_[choice.tell].until = now;
        cpu.until = choice.until;
        ASSERT_GT(cpu.until, now) << "it would be asked for ever";
    }

    std::vector<Cpu> cpus_;
};

double share(const Machine::Task& task, std::uint64_t of)
{
    return static_cast<double>(task.ran) / static_cast<double>(of);
}

TEST(Bvt, WeightsOneTwoFourShareAProcessorWithinThreePercent)
{
    Machine machine{1};
    const auto& one = machine.hog(256);
    const auto& two = machine.hog(512);
    const auto& four = machine.hog(1024);
    machine.run_for(10 * kSecond);
    EXPECT_NEAR(share(one, 10 * kSecond), 1.0 / 7, 0.03 / 7);
    EXPECT_NEAR(share(two, 10 * kSecond), 2.0 / 7, 0.06 / 7);
    EXPECT_NEAR(share(four, 10 * kSecond), 4.0 / 7, 0.12 / 7);
}

TEST(Bvt, TheHeaviestWeightLeavesTheLightestItsShare)
{
    Machine machine{1};
    const auto& light = machine.hog(1);
    const auto& heavy = machine.hog(kMaxWeight);
    machine.run_for(2000 * kSecond);
    EXPECT_GT(light.ran, 0U);
    EXPECT_NEAR(share(heavy, 2000 * kSecond), 1.0, 0.001);
}

TEST(Bvt, ACapHoldsWithinThreePercentAndNobodyElseSuffers)
{
    for (const unsigned cap : {5U, 25U, 50U, 90U}) {
        Machine machine{1};
        const auto& capped = machine.hog(256, cap);
        machine.run_for(10 * kSecond);
        EXPECT_NEAR(share(capped, 10 * kSecond), cap / 100.0, 0.03 * cap / 100.0) << cap;
    }
    Machine machine{1};
    const auto& capped = machine.hog(256, 20);
    const auto& other = machine.hog(256);
    machine.run_for(10 * kSecond);
    EXPECT_NEAR(share(capped, 10 * kSecond), 0.2, 0.006);
    EXPECT_NEAR(share(other, 10 * kSecond), 0.8, 0.024);
}

TEST(Bvt, ACapIsOfTheWholeDomainNotOfEachVcpu)
{
    Machine machine{2};
    auto& first = machine.add(256, 100);
    auto& second = machine.add();
    second.entity.group = &first.group;
    machine.wake(first);
    machine.wake(second);
    machine.run_for(10 * kSecond);
    EXPECT_NEAR(share(first, 10 * kSecond) + share(second, 10 * kSecond), 1.0, 0.03);
}

TEST(Bvt, AWakingVcpuWaitsOneSliceAtMostForHogs)
{
    Machine machine{1};
    for (unsigned i = 0; i < 5; ++i)
        machine.hog();
    auto& interactive = machine.add();
    std::uint64_t longest = 0;
    for (unsigned turn = 0; turn < 200; ++turn) {
        machine.run_for(7 * kMillisecond + turn * 13'000);
        machine.wake(interactive);
        longest = std::max(longest, machine.wait_for(interactive));
        machine.run_for(kMillisecond / 10); // its work
        machine.sleep(interactive);
        machine.run_for(kMillisecond / 10);
        ASSERT_FALSE(interactive.entity.running);
    }
    EXPECT_LE(longest, Scheduler::kSlice + kMillisecond / 20);
}

TEST(Bvt, AWarpedVcpuRunsAtOnce)
{
    Machine machine{1};
    for (unsigned i = 0; i < 3; ++i)
        machine.hog();
    auto& urgent = machine.add();
    urgent.group.warp = {.by = 20 * kMillisecond, .limit = 2 * kMillisecond, .pause = kSecond};
    machine.run_for(33 * kMillisecond);
    machine.wake(urgent);
    EXPECT_LE(machine.wait_for(urgent), kMillisecond / 20);
}

TEST(Bvt, AWarpedVcpuThatDoesNotStopLosesItsWarp)
{
    Machine machine{1};
    const auto& hog = machine.hog();
    auto& greedy = machine.add();
    greedy.group.warp = {.by = 20 * kMillisecond, .limit = 2 * kMillisecond, .pause = 5 * kSecond};
    machine.wake(greedy);
    machine.run_for(4 * kSecond);
    EXPECT_NEAR(share(hog, 4 * kSecond), 0.5, 0.02);
}

TEST(Bvt, SleepingEarnsNothing)
{
    Machine machine{1};
    auto& sleeper = machine.hog();
    const auto& hog = machine.hog();
    machine.run_for(kSecond);
    machine.sleep(sleeper);
    machine.run_for(1000 * kSecond);
    const std::uint64_t before = hog.ran;
    machine.wake(sleeper);
    machine.run_for(kSecond);
    EXPECT_NEAR(static_cast<double>(hog.ran - before), 0.5e9, 0.02e9);
}

TEST(Bvt, NobodyStarvesWhileOthersComeAndGo)
{
    Machine machine{1};
    const auto& patient = machine.hog(256);
    std::array<Machine::Task*, 4> busy{};
    for (auto& task : busy)
        task = &machine.add(1024);
    std::uint64_t before = 0;
    for (unsigned turn = 0; turn < 200; ++turn) {
        machine.wake(*busy[turn % busy.size()]);
        machine.run_for(20 * kMillisecond);
        machine.sleep(*busy[(turn + 2) % busy.size()]);
        if (turn % 20 == 19) {
            EXPECT_GT(patient.ran, before) << turn;
            before = patient.ran;
        }
    }
}

TEST(Bvt, YearsOfVirtualTimeDoNotWrap)
{
    constexpr std::uint64_t kYear = 365 * 86400 * kSecond;
    Machine machine{1};
    const auto& first = machine.hog(1);
    auto& second = machine.add(1);
    machine.run_for(50 * kYear); // alone: no decisions in between
    machine.wake(second);
    const std::uint64_t before = first.ran;
    machine.run_for(10 * kSecond);
    EXPECT_NEAR(share(second, 10 * kSecond), 0.5, 0.02);
    EXPECT_NEAR(static_cast<double>(first.ran - before), 5e9, 0.2e9);
}

TEST(Bvt, ThreeHogsShareTwoProcessors)
{
    Machine machine{2};
    std::array<const Machine::Task*, 3> hogs{};
    for (auto& hog : hogs)
        hog = &machine.hog();
    machine.run_for(60 * kSecond);
    std::uint64_t sum = 0;
    for (const auto* hog : hogs) {
        EXPECT_NEAR(share(*hog, 60 * kSecond), 2.0 / 3, 0.1);
        sum += hog->ran;
    }
    EXPECT_NEAR(static_cast<double>(sum), 120e9, 1e6) << "a processor was idle";
}

TEST(Bvt, AnIdleProcessorTakesWorkThatWaitsElsewhere)
{
    Machine machine{2};
    auto& stays = machine.hog();
    auto& leaves = machine.hog();
    auto& waits = machine.hog();
    machine.run_for(kMillisecond);
    machine.sleep(leaves);
    machine.run_for(200 * kMillisecond);
    const std::uint64_t before = stays.ran + waits.ran;
    machine.run_for(kSecond);
    EXPECT_NEAR(static_cast<double>(stays.ran + waits.ran - before), 2e9, 1e6);
}

TEST(Bvt, AffinityIsKept)
{
    Machine machine{2};
    auto& pinned = machine.add();
    auto& also = machine.add();
    pinned.entity.affinity = also.entity.affinity = 1 << 1;
    machine.wake(pinned);
    machine.wake(also);
    machine.run_for(kSecond);
    EXPECT_NEAR(share(pinned, kSecond), 0.5, 0.02);
    EXPECT_NEAR(share(also, kSecond), 0.5, 0.02);
    EXPECT_EQ(pinned.entity.cpu, 1U);
}

TEST(Bvt, AVcpuIsWokenWhereItLikesToBeIfThatIdles)
{
    Machine machine{3};
    auto &first = machine.add(), &second = machine.add();
    first.entity.liking = second.entity.liking = 1 << 2;
    for (auto* task : {&first, &second})
        machine.wake(*task);
    EXPECT_EQ(first.entity.cpu, 2U);
    EXPECT_NE(second.entity.cpu, 2U) << "others idle";
}

// Its registers are still on the processor that idles, which lets go of them first.
TEST(Bvt, ChangedAffinityMovesASleepingVcpuBeforeItRunsAgain)
{
    for (const bool wakes_first : {false, true}) {
        Machine machine{2};
        Machine::Task& task = machine.hog();
        machine.run_for(kMillisecond);
        const unsigned before = task.entity.cpu;
        machine.sleep(task);
        machine.run_for(kMillisecond);
        const CpuMask other = before == 0 ? 2 : 1;
        if (wakes_first) {
            EXPECT_EQ(machine.scheduler.set_affinity(task.entity, other, machine.now), before);
            machine.wake(task);
        } else {
            machine.pin(task, other);
            machine.run_for(kMillisecond);
            machine.wake(task);
        }
        machine.run_for(kMillisecond);
        EXPECT_TRUE(task.entity.running);
        EXPECT_NE(task.entity.cpu, before);
    }
}

TEST(Bvt, ChangedAffinityMovesARunningVcpuAtOnce)
{
    Machine machine{2};
    auto& first = machine.hog();
    auto& second = machine.hog();
    auto& third = machine.hog();
    machine.run_for(100 * kMillisecond);
    for (auto* task : {&first, &second, &third})
        machine.pin(*task, 1);
    machine.run_for(kMillisecond);
    const std::uint64_t before = first.ran + second.ran + third.ran;
    machine.run_for(3 * kSecond);
    EXPECT_EQ(first.ran + second.ran + third.ran - before, 3 * kSecond);
    EXPECT_NEAR(share(first, 3 * kSecond), 1.0 / 3, 0.05);
}

TEST(Bvt, APausedVcpuDoesNotRunAndAForgottenOneIsNotTouched)
{
    Machine machine{1};
    auto& hog = machine.hog();
    auto& gone = machine.hog();
    machine.run_for(50 * kMillisecond);
    machine.sleep(gone);
    machine.run_for(kMillisecond);
    const std::uint64_t ran = gone.ran;
    machine.scheduler.forget(gone.entity);
    gone.entity = SchedEntity{};
    machine.run_for(kSecond);
    EXPECT_EQ(gone.ran, ran);
    EXPECT_GT(hog.ran, kSecond);
}

TEST(Bvt, YieldLetsTheNextOneRun)
{
    Scheduler scheduler;
    SchedGroup group;
    SchedEntity first{.group = &group}, second{.group = &group};
    scheduler.wake(first, 0);
    const auto alone = scheduler.choose(0, nullptr, 0);
    ASSERT_EQ(alone.entity, &first);
    EXPECT_EQ(alone.until, kNever) << "alone it needs no slices";
    scheduler.wake(second, 10);
    scheduler.yield(first);
    EXPECT_EQ(scheduler.choose(0, &first, 20).entity, &second);
}

TEST(Bvt, NothingToRunIsIdleUntilSomebodyWakes)
{
    Scheduler scheduler;
    const auto nothing = scheduler.choose(0, nullptr, 5);
    EXPECT_EQ(nothing.entity, nullptr);
    EXPECT_EQ(nothing.until, kNever);
}

} // namespace
} // namespace zocalo::hv
