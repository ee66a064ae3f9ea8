#include "report/page_rows.h"

#include "report/words.h"
#include "watchpoints/arm/words.h"

#include <array>
#include <string_view>
#include <unordered_map>

namespace stakeout {
namespace {

// One list of a table that is written column by column.
template <class Rows, class Write>
void column(JsonWriter& into, std::string_view key, const Rows& rows, Write write) {
    into.begin_list(key);
    for (const auto& row : rows) write(row);
    into.end_list();
}

void write_bins(JsonWriter& into, const std::vector<TimelineBin>& bins) {
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < bins.size(); ++i)
        if (bins[i].hits != 0) used.push_back(i);
    const auto number = [&into](const std::optional<double>& value) {
        value ? into.real({}, *value) : into.null({});
    };
    column(into, "bin", used, [&](std::size_t i) { into.number({}, i); });
    column(into, "hits", used, [&](std::size_t i) { into.number({}, bins[i].hits); });
    column(into, "low", used, [&](std::size_t i) { number(bins[i].low); });
    column(into, "high", used, [&](std::size_t i) { number(bins[i].high); });
    column(into, "last", used,
           [&](std::size_t i) { bins[i].last ? into.text({}, value_words(bins[i].last)) : into.null({}); });
}

std::string_view kind_word(FlameNode::Kind kind) {
    switch (kind) {
    case FlameNode::Kind::All:
        return "all";
    case FlameNode::Kind::Task:
        return "task";
    case FlameNode::Kind::User:
        return "user";
    case FlameNode::Kind::Kernel:
        return "kernel";
    case FlameNode::Kind::Other:
        break;
    }
    return "other";
}

using Children = std::vector<std::vector<std::uint32_t>>;

void open_node(JsonWriter& into, const FlameNode& node) {
    into.begin_object();
    into.text("n", node.name);
    into.number("v", node.hits);
    into.text("k", kind_word(node.kind));
    if (!node.module.empty()) into.text("m", node.module);
}

// Stacks of a recording may be deep, so this does not call itself.
void write_tree(JsonWriter& into, const std::vector<FlameNode>& nodes, const Children& children) {
    struct Open {
        std::uint32_t node;
        std::size_t next_child;
    };
    std::vector<Open> open{{0, 0}};
    open_node(into, nodes.front());
    while (!open.empty()) {
        Open& top = open.back();
        const std::vector<std::uint32_t>& below = children[top.node];
        if (top.next_child == 0 && !below.empty()) into.begin_list("c");
        if (top.next_child < below.size()) {
            const std::uint32_t child = below[top.next_child++];
            open_node(into, nodes[child]);
            open.push_back({child, 0});
            continue;
        }
        if (!below.empty()) into.end_list();
        into.end_object();
        open.pop_back();
    }
}

// Texts of the rows by their number in "strings".
class Strings {
  public:
    std::uint64_t number_of(const std::string& text) {
        const auto [place, is_new] = numbers_.try_emplace(text, texts_.size());
        if (is_new) texts_.push_back(&place->first);
        return place->second;
    }
    void write(JsonWriter& into) const {
        column(into, "strings", texts_, [&](const std::string* text) { into.text({}, *text); });
    }

  private:
    std::unordered_map<std::string, std::uint64_t> numbers_;
    std::vector<const std::string*> texts_;
};

} // namespace

void write_timeline(JsonWriter& into, const Timeline& timeline) {
    into.begin_object("timeline");
    into.number("bin_us", timeline.bin_us);
    into.begin_list("targets");
    for (std::size_t i = 0; i < timeline.targets.size(); ++i) {
        into.begin_object();
        into.number("target", i);
        write_bins(into, timeline.targets[i]);
        into.end_object();
    }
    into.end_list();
    into.end_object();
}

void write_flame(JsonWriter& into, const std::vector<FlameNode>& nodes) {
    Children children(nodes.size());
    for (std::uint32_t i = 1; i < nodes.size(); ++i) children[nodes[i].parent].push_back(i);
    std::string text;
    JsonWriter tree(text);
    write_tree(tree, nodes, children);
    into.raw("flame", text);
}

void write_rows(JsonWriter& into, const Report& report, const PageStacks& stacks) {
    static const std::string unknown = "?";
    Strings strings;
    const auto rows = [&](std::string_view key, auto write) { column(into, key, report.rows, write); };
    const auto task = [&](const ReportRow& row) -> const TaskHits& { return report.tasks[row.task]; };
    const auto value = [&](const std::optional<Value>& one) {
        one ? into.number({}, strings.number_of(value_words(one))) : into.null({});
    };
    into.begin_object("rows");
    into.number("total", report.shown);
    into.number("kept", report.rows.size());
    into.text("how", report.rows_how);
    rows("seq", [&](const ReportRow& row) { into.number({}, row.seq); });
    rows("t_us", [&](const ReportRow& row) { into.number({}, row.t_us); });
    rows("cpu", [&](const ReportRow& row) { into.number({}, row.cpu); });
    rows("pid", [&](const ReportRow& row) { into.number({}, task(row).pid); });
    rows("tid", [&](const ReportRow& row) { into.number({}, task(row).tid); });
    rows("comm", [&](const ReportRow& row) { into.number({}, strings.number_of(task(row).comm)); });
    rows("access",
         [&](const ReportRow& row) { into.number({}, strings.number_of(std::string(to_word(row.access)))); });
    rows("target", [&](const ReportRow& row) { into.number({}, row.target); });
    rows("old", [&](const ReportRow& row) { value(row.old_value); });
    rows("new", [&](const ReportRow& row) { value(row.new_value); });
    rows("function", [&](const ReportRow& row) {
        into.number({}, strings.number_of(row.function < report.strings.size() ? report.strings[row.function]
                                                                               : unknown));
    });
    rows("stack", [&](const ReportRow& row) {
        const std::int64_t number = stacks.number_of(row.stack);
        number < 0 ? into.null({}) : into.number({}, static_cast<std::uint64_t>(number));
    });
    into.end_object();
    strings.write(into);
}

} // namespace stakeout
