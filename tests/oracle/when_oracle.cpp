// Judges hits by --when and its neighbours, in the kernel and in C++, as it is told on stdin;
// test_when_oracle.py compares the answers with those of a C compiler. Lines of words, texts in hexadecimal:
//
//   target number WIDTH SIGNED | struct | pointer    more than one: the watch has several; `targets` forgets
//   them node TEXT                        the next of the nodes to which targets that are pointers point, its
//   bytes pool                             forgets the values value TARGET OLD NEW DELTA PID TID CPU IP WIDTH
//   HITS ACCESS UNREADABLE COMM     OLD and NEW are 32 bytes; of
//                                    pointers the first byte is the node's number, 255 points nowhere
//   filter CHANGED ONLY NOT COMM     ranges START-END,... of hexadecimal addresses or -; names TEXT[*],... or
//   - when TEXT                        answers "KERNEL C++ REASON" letters, three for each value; - as TEXT:
//   no --when
//
// Verdicts: 0 drop, 1 keep, 2 cannot be judged.
#include "when_oracle_kernel.h"

#include "loader/predicate/load_predicate.h"
#include "when_oracle_types.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace stakeout;

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "when_oracle: %s\n", what.c_str());
    std::exit(1);
}

template <class T>
T must(Result<T> result) {
    if (!result) fail(result.error().sentence());
    return std::move(*result);
}

std::string from_hex(const std::string& text) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes += static_cast<char>(std::stoul(text.substr(i, 2), nullptr, 16));
    return bytes;
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text == "-" ? "" : text);
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
}

std::vector<CodeRange> ranges(const std::string& text) {
    std::vector<CodeRange> ranges;
    for (const std::string& part : split(text)) {
        const std::size_t dash = part.find('-');
        ranges.push_back({std::stoull(part.substr(0, dash), nullptr, 16),
                          std::stoull(part.substr(dash + 1), nullptr, 16)});
    }
    return ranges;
}

struct Pooled {
    WhenValues values;
    std::string comm;
};

class Oracle {
  public:
    Oracle()
        : hit_(must(hit_page())), nodes_(must(KernelPage::make(4096))), nodes_at_(must(nodes_->address())) {}

    void obey(const std::string& command, std::istringstream& words) {
        if (command == "targets") return targets_.clear();
        if (command == "target") return target(words);
        if (command == "node") return node(words);
        if (command == "pool") return pool_.clear();
        if (command == "value") return value(words);
        if (command == "filter") return filter(words);
        if (command == "when") return when(words);
        fail("no such command: " + command);
    }

  private:
    void target(std::istringstream& words) {
        std::string kind;
        words >> kind;
        OracleTarget target{OracleTarget::Kind::Number, {}};
        if (kind == "number")
            words >> target.number.width >> target.number.is_signed;
        else if (kind == "struct")
            target = {OracleTarget::Kind::Struct, {oracle_struct_bytes, false}};
        else
            target = {OracleTarget::Kind::Pointer, {8, false}};
        targets_.push_back(target);
    }

    // A node's pointers are numbers of nodes, too.
    void node(std::istringstream& words) {
        std::string text;
        words >> text;
        text = from_hex(text);
        const std::uint64_t next = address_of(static_cast<std::uint8_t>(text[oracle_next_offset]));
        std::memcpy(text.data() + oracle_next_offset, &next, sizeof(next));
        std::memcpy(nodes_->bytes() + node_count_++ * oracle_node_bytes, text.data(), oracle_node_bytes);
    }
    [[nodiscard]] std::uint64_t address_of(std::uint8_t node) const {
        return node == 255 ? 0 : nodes_at_ + node * oracle_node_bytes;
    }

    void value(std::istringstream& words) {
        Pooled one;
        std::string old_hex, new_hex, comm;
        int access = 0;
        WhenValues& v = one.values;
        words >> v.target >> old_hex >> new_hex >> v.delta >> v.pid >> v.tid >> v.cpu >> v.ip >> v.width >>
            v.hits >> access >> v.unreadable >> comm;
        if (!words) fail("a value is not complete");
        v.access = static_cast<WhenAccess>(access);
        const bool is_pointer = targets_.at(v.target).kind == OracleTarget::Kind::Pointer;
        for (auto [hex, bytes] : {std::pair{&old_hex, &v.old_bytes}, std::pair{&new_hex, &v.new_bytes}}) {
            const std::string text = from_hex(*hex);
            std::copy_n(text.begin(), std::min(text.size(), bytes->size()), bytes->begin());
            if (!is_pointer) continue;
            const std::uint64_t address = address_of((*bytes)[0]);
            std::memcpy(bytes->data(), &address, sizeof(address));
        }
        one.comm = from_hex(comm.substr(1));
        v.read_kernel = [this](std::uint64_t address, std::span<std::uint8_t> into) {
            if (address < nodes_at_ || address + into.size() > nodes_at_ + 4096) return false;
            std::copy_n(nodes_->bytes() + (address - nodes_at_), into.size(), into.begin());
            return true;
        };
        pool_.push_back(std::move(one));
    }

    void filter(std::istringstream& words) {
        std::string changed, only, without, names;
        words >> changed >> only >> without >> names;
        request_.changed = changed == "1";
        request_.only_from = ranges(only);
        request_.not_from = ranges(without);
        request_.comm.clear();
        for (std::string name : split(names)) {
            const bool is_prefix = name.ends_with('*');
            if (is_prefix) name.pop_back();
            request_.comm.push_back({name, is_prefix});
        }
    }

    void when(std::istringstream& words) {
        std::string text;
        words >> text;
        request_.targets.clear();
        for (const OracleTarget& target : targets_) request_.targets.push_back(target.number);
        const bool has_expression = text != "-";
        std::optional<WhenExpression> expression;
        if (has_expression)
            expression = must(WhenExpression::bind(must(parse_when(from_hex(text))), request_.targets,
                                                   [this](std::size_t target, std::string_view path) {
                                                       return oracle_field(targets_.at(target).kind, path);
                                                   }));
        request_.when = has_expression ? &*expression : nullptr;
        request_.hit_map_fd = hit_->map_fd();
        const auto code = must(predicate_code(request_, PredicateEnd::Verdict));
        const OwnedFd program = must(load_predicate_code(code, BPF_PROG_TYPE_SYSCALL));
        std::string answers;
        for (Pooled& one : pool_) {
            one.values.comm = one.comm;
            put_hit(*hit_, one.values);
            const OracleAnswer answer = must(run_predicate(program.get(), *hit_));
            const auto second = has_expression ? evaluate(*expression, one.values) : std::optional(true);
            answers += static_cast<char>('0' + answer.verdict);
            answers += !second ? '2' : *second ? '1' : '0';
            answers += answer.verdict == PredicateDrops ? static_cast<char>('0' + answer.reason) : '-';
        }
        std::puts(answers.c_str());
    }

    std::unique_ptr<KernelPage> hit_, nodes_;
    std::uint64_t nodes_at_;
    std::size_t node_count_ = 0;
    std::vector<OracleTarget> targets_;
    std::vector<Pooled> pool_;
    PredicateRequest request_;
};

} // namespace

int main() {
    Oracle oracle;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string command;
        if (words >> command) oracle.obey(command, words);
    }
    return 0;
}
