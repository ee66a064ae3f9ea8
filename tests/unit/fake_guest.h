// A guest made up in memory: frames, page tables, and what lies at virtual addresses.
#pragma once

#include "xen-bridge/guest/guest_memory.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string_view>

namespace stakeout::test {

constexpr std::uint64_t page_present = 1, page_writable = 2, page_user = 4, page_large = 1U << 7;
constexpr std::uint64_t page_no_execute = 1ULL << 63;

class FakeFrames : public GuestFrames {
  public:
    std::span<const std::uint8_t> frame(std::uint64_t number) override {
        ++asked;
        const auto found = frames_.find(number);
        if (found == frames_.end()) return {};
        return found->second;
    }
    void forget() override { ++forgotten; }

    std::span<std::uint8_t> at(std::uint64_t number) { return frames_[number]; } // makes it
    void remove(std::uint64_t number) { frames_.erase(number); }
    [[nodiscard]] bool has(std::uint64_t number) const { return frames_.contains(number); }

    int asked = 0, forgotten = 0;

  private:
    std::map<std::uint64_t, std::array<std::uint8_t, 4096>> frames_;
};

class FakeGuest {
  public:
    explicit FakeGuest(int levels = 4) : tables{1, levels} { (void)frames.at(1); }

    // Maps one page (of `level` 1, 2 or 3) at `address` to the frames from `frame` on.
    void map(std::uint64_t address, std::uint64_t frame, std::uint64_t flags = page_present | page_writable,
             int level = 1) {
        std::uint64_t table = tables.root;
        for (int at = tables.levels; at > level; --at) {
            const std::uint64_t entry = get(table, index(address, at));
            if ((entry & page_present) == 0) {
                (void)frames.at(next_table_);
                put(table, index(address, at), next_table_ << 12 | page_present | page_writable | page_user);
                table = next_table_++;
            } else {
                table = entry >> 12 & 0xff'ffff'ffff;
            }
        }
        put(table, index(address, level), frame << 12 | flags | (level > 1 ? page_large : 0));
    }
    // Writes at a virtual address, mapping fresh pages as needed.
    void write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
        for (std::size_t done = 0; done < bytes.size();) {
            const std::uint64_t at = address + done;
            const std::uint64_t page = at & ~4095ULL;
            if (!data_.contains(page)) {
                data_[page] = next_frame_;
                map(page, next_frame_++);
            }
            const std::size_t count = std::min<std::size_t>(bytes.size() - done, 4096 - at % 4096);
            std::memcpy(frames.at(data_[page]).data() + at % 4096, bytes.data() + done, count);
            done += count;
        }
    }
    template <class T>
    void write_value(std::uint64_t address, T value) {
        std::array<std::uint8_t, sizeof(T)> bytes{};
        std::memcpy(bytes.data(), &value, sizeof value);
        write(address, bytes);
    }
    void write_text(std::uint64_t address, std::string_view text) {
        write(address, std::vector<std::uint8_t>(text.begin(), text.end()));
        write_value<std::uint8_t>(address + text.size(), 0);
    }
    void put(std::uint64_t table, std::uint64_t index, std::uint64_t entry) {
        std::memcpy(frames.at(table).data() + 8 * index, &entry, 8);
    }
    std::uint64_t get(std::uint64_t table, std::uint64_t index) {
        std::uint64_t entry = 0;
        std::memcpy(&entry, frames.at(table).data() + 8 * index, 8);
        return entry;
    }
    static std::uint64_t index(std::uint64_t address, int level) {
        return address >> (12 + 9 * (level - 1)) & 511;
    }

    FakeFrames frames;
    PageTables tables;
    GuestMemory memory{frames, tables};

  private:
    std::uint64_t next_table_ = 2;
    std::uint64_t next_frame_ = 0x10000;
    std::map<std::uint64_t, std::uint64_t> data_;
};

} // namespace stakeout::test
