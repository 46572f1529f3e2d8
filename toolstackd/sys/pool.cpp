// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/pool.hpp"

#include <pthread.h>
#include <signal.h>

namespace zocalo::toolstack {
namespace {

void run_thread(boost::asio::io_context& context, const std::string& name)
{
    // Signals belong to the daemon's thread.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    context.run();
}

} // namespace

Pool::Pool(std::string name, unsigned threads)
    : context_{static_cast<int>(threads)}, guard_{context_.get_executor()}
{
    for (unsigned i = 0; i < threads; ++i)
        threads_.emplace_back([this, name] { run_thread(context_, name); });
}

Pool::~Pool()
{
    guard_.reset();
    for (std::thread& thread : threads_)
        thread.join();
}

} // namespace zocalo::toolstack
