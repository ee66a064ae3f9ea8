// What recording adds to a hit: time, and bytes in the file. Hits as a busy watch brings them: some places in
// the code, both stacks symbolised, a counter that counts.
#include "recording/deaf_listener.h"
#include "recording/memory_store.h"
#include "recording/recorder.h"
#include "recording/replay.h"

#include <benchmark/benchmark.h>

#include <random>

namespace stakeout {
namespace {

Frame kernel_frame(std::mt19937_64& random, int i) {
    Frame frame;
    frame.told_as = next_telling();
    frame.ip = 0xffff'ffff'8100'0000 + random() % (1U << 24U);
    frame.symbol = "__some_kernel_function_" + std::to_string(i);
    frame.offset = random() % 500;
    return frame;
}

Frame user_frame(std::mt19937_64& random, int i) {
    Frame frame;
    frame.told_as = next_telling();
    frame.ip = 0x7f00'0000'0000 + random() % (1U << 24U);
    frame.symbol = "some::name_space::Function" + std::to_string(i) + "(int, char const*)";
    frame.offset = random() % 500;
    frame.module = i % 2 == 0 ? "/usr/lib/x86_64-linux-gnu/libc.so.6" : "/usr/bin/program";
    frame.file = "/build/program/src/folder/file" + std::to_string(i % 5) + ".cpp";
    frame.line = static_cast<int>(random() % 1000);
    frame.image_address = random() % (1U << 24U);
    const std::array<std::uint8_t, 20> id{1, 2, 3};
    frame.build_id = BuildId(id);
    return frame;
}

// Hits of `sites` places, each with stacks of 8 kernel and 8 user frames.
std::vector<Hit> some_hits(int sites, int tasks) {
    std::mt19937_64 random(1);
    std::vector<Hit> hits;
    for (int site = 0; site < sites; ++site) {
        Hit hit;
        for (int i = 0; i < 8; ++i) hit.kernel_stack.push_back(kernel_frame(random, i));
        for (int i = 0; i < 8; ++i) hit.user_stack.push_back(user_frame(random, i));
        hit.ip = hit.kernel_stack.front().ip;
        hit.instruction = Instruction{hit.ip - 4, "mov qword ptr [rdi+0x10], rax", {}};
        hit.target = "object.field";
        hit.address = 0xffff'8880'1234'5678;
        hit.width = 8;
        hit.access = Access::Write;
        hit.old_value = hit.new_value = Value{std::vector<std::uint8_t>(8)};
        for (int task = 0; task < tasks; ++task) {
            hit.pid = hit.tid = 1000 + static_cast<std::uint32_t>(task);
            hit.comm = "worker-" + std::to_string(task);
            hits.push_back(hit);
        }
    }
    return hits;
}

// A watch makes a hit and hands it on; here it is copied, which is most of making it. The recorder's cost is
// what is more than only copying.
class Stream {
  public:
    Stream(int sites, int tasks, bool counts) : hits_(some_hits(sites, tasks)), counts_(counts) {}

    Hit next() {
        Hit hit = hits_[at_ = (at_ + 1) % hits_.size()];
        hit.seq = ++seq_;
        hit.time_ns = 1'000'000'000 + seq_ * 8000 + random_() % 4096;
        hit.cpu = static_cast<std::uint32_t>(seq_ % 4);
        set(*hit.old_value, counts_ ? seq_ - 1 : last_);
        set(*hit.new_value, counts_ ? seq_ : last_ = random_());
        return hit;
    }

  private:
    static void set(Value& value, std::uint64_t number) {
        for (unsigned i = 0; i < 8; ++i) value.bytes[i] = static_cast<std::uint8_t>(number >> 8 * i);
    }
    std::vector<Hit> hits_;
    bool counts_;
    std::size_t at_ = 0;
    std::uint64_t seq_ = 0, last_ = 0;
    std::mt19937_64 random_{2};
};

void copy(benchmark::State& state) {
    Stream stream(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), state.range(2) != 0);
    for (auto _ : state) {
        Hit hit = stream.next();
        benchmark::DoNotOptimize(hit);
    }
}

void copy_and_record(benchmark::State& state) {
    Stream stream(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)), state.range(2) != 0);
    auto owned = std::make_unique<MemoryStore>();
    const MemoryStore& store = *owned;
    Recorder recorder(RecordingFacts{}, std::move(owned), {});
    for (auto _ : state) {
        const Hit hit = stream.next();
        recorder.on_hit(hit);
    }
    recorder.finish_block();
    state.counters["bytes/hit"] =
        static_cast<double>(store.bytes_kept()) / static_cast<double>(state.iterations());
}

// Places in the code, tasks at each, values that count up or are random words.
#define STREAMS Args({1, 4, 1})->Args({20, 8, 1})->Args({200, 4, 1})->Args({20, 8, 0})
BENCHMARK(copy)->STREAMS;
BENCHMARK(copy_and_record)->STREAMS;

// Reading it back.
void replay(benchmark::State& state) {
    Stream stream(20, 8, true);
    auto owned = std::make_unique<MemoryStore>();
    const MemoryStore& store = *owned;
    Recorder recorder(RecordingFacts{}, std::move(owned), {});
    Armed armed;
    armed.targets.resize(1);
    recorder.on_armed(armed);
    constexpr int hits = 10'000;
    for (int i = 0; i < hits; ++i) recorder.on_hit(stream.next());
    recorder.finish_block();
    const std::string recording = store.bytes();
    for (auto _ : state) {
        DeafListener nobody;
        Replay reader(nobody);
        (void)reader.feed(std::as_bytes(std::span(recording)));
        if (reader.replayed().hits != hits) state.SkipWithError("hits are missing");
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * hits);
}
BENCHMARK(replay);

} // namespace
} // namespace stakeout

BENCHMARK_MAIN();
