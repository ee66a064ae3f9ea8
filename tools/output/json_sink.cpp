// JSON lines; the schema is docs/json.md. Addresses and values are hex strings, times are nanoseconds of
// CLOCK_MONOTONIC. What is not known is absent, or null where the field always stands.
#include "base/json_writer.h"
#include "tools/output/guest_json.h"
#include "tools/output/json_parts.h"
#include "tools/output/output_stream.h"
#include "tools/output/sinks.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

void write_value(JsonWriter& line, std::string_view key, const std::optional<Value>& value) {
    if (value)
        line.text(key, value->hex());
    else
        line.null(key);
}

Json field_value(const ScriptField& field) {
    switch (field.kind) {
    case ScriptField::Kind::Signed:
        return static_cast<std::int64_t>(field.number);
    case ScriptField::Kind::Bool:
        return field.number != 0;
    case ScriptField::Kind::Address:
        return hex(field.number);
    case ScriptField::Kind::Text:
        return field.text;
    case ScriptField::Kind::Unsigned:
        break;
    }
    return field.number;
}

void add_script(Json& record, const ScriptSays& says) {
    if (!says.fields.empty()) {
        Json fields = Json::object();
        for (const ScriptField& field : says.fields) fields[field.name] = field_value(field);
        record["fields"] = std::move(fields);
    }
    for (const Snapshot& snapshot : says.snapshots) {
        record["snapshots"].push_back(snapshot_of(snapshot));
    }
    if (says.refused != 0) record["snapshots_refused"] = says.refused;
}

void add_look(Json& record, const Look& look) {
    record["time_ns"] = look.time_ns;
    record["due_ns"] = look.due_ns;
    record["cpu"] = look.cpu;
    record["tid"] = look.tid;
    add_script(record, look.says);
}

std::string_view to_word(Look::Where where) { return where == Look::Where::Task ? "task_look" : "followup"; }

class JsonSink final : public WatchListener {
  public:
    explicit JsonSink(int out_fd) : out_(out_fd) {}

    void on_armed(const Armed& armed) override {
        watch_ = armed.watch;
        Json targets = Json::array();
        for (std::size_t i = 0; i < armed.targets.size(); ++i) {
            const Target& target = armed.targets[i];
            Json one{{"name", target.name}, {"address", hex(target.address)}, {"width", target.size}};
            if (!target.type.empty()) one["type"] = target.type;
            if (target.is_per_cpu()) one["per_cpu"] = true;
            if (!target.note.empty()) one["note"] = target.note;
            if (const auto& value = armed.values[i]) one["value"] = value->hex();
            targets.push_back(std::move(one));
        }
        Json slots = Json::array();
        for (const Slot& slot : armed.slots)
            slots.push_back(
                {{"address", hex(slot.address)}, {"length", slot.length}, {"target", slot.target}});
        Json record = header("armed");
        record["access"] = to_word(armed.kind);
        record["targets"] = std::move(targets);
        record["slots"] = std::move(slots);
        record["cpus_armed"] = armed.cpus_armed;
        record["cpus_online"] = armed.cpus_online;
        record["milliseconds"] = armed.milliseconds;
        record["ttl_ns"] = armed.time_to_live.count();
        record["exception_cost_ns"] = armed.exception_cost.count();
        record["brake"] = armed.brake;
        if (!armed.script.empty()) record["script"] = armed.script;
        if (!armed.left_out.empty()) record["left_out"] = armed.left_out;
        if (armed.follow_up_way) {
            record["followup_way"] = to_word(*armed.follow_up_way);
            record["followup_pinned"] = armed.follow_ups_pinned;
        }
        if (armed.guest) add_guest_armed(record, *armed.guest);
        write(record);
    }

    void on_hit(const Hit& hit) override {
        JsonWriter line(out_.buffer());
        line.begin_object();
        line.number("v", 1);
        line.text("type", "hit");
        line.text("watch", watch_);
        line.number("seq", hit.seq);
        line.number("time_ns", hit.time_ns);
        if (hit.guest)
            write_guest_who(line, hit);
        else
            write_who(line, hit);
        write_access(line, hit);
        write_frames(line, "kernel_stack", hit.kernel_stack);
        write_frames(line, "user_stack", hit.user_stack);
        write_says(line, hit);
        line.end_object();
        out_.append("\n");
    }

    void on_look(const Look& look) override {
        Json record = header(to_word(look.where).data());
        record["hit"] = look.hit;
        if (look.hit_was_dropped) record["hit_dropped"] = true;
        add_look(record, look);
        write(record);
    }

    void on_notice(const Notice& notice) override {
        Json record = header("notice");
        record["text"] = notice.text;
        record["time_left_ns"] = notice.time_left.count();
        write(record);
    }

    void on_brake(const BrakeInterval& interval) override {
        Json record = header("brake");
        record["cpu"] = interval.cpu;
        record["from_ns"] = interval.from_ns;
        record["to_ns"] = interval.to_ns;
        write(record);
    }

    void on_coverage(const CoverageChange& change) override {
        Json record = header("coverage");
        record["cpu"] = change.cpu;
        record["online"] = change.online;
        record["armed"] = change.armed;
        record["reason"] = change.reason;
        if (change.gap_from_ns != 0) record["gap_from_ns"] = change.gap_from_ns;
        if (change.gap_to_ns != 0) record["gap_to_ns"] = change.gap_to_ns;
        record["cpus_armed"] = change.cpus_armed;
        record["cpus_online"] = change.cpus_online;
        write(record);
    }

    void on_summary(const Summary& sum) override {
        Json record = header("summary");
        record["ended_by"] = to_word(sum.ended_by);
        record["reason"] = sum.reason;
        record["hits"] = sum.hits;
        record["records"] = sum.records;
        record["lost"] = sum.lost;
        record["unseen"] = sum.unseen;
        record["joined"] = sum.joined;
        record["foreign"] = sum.foreign;
        record["late"] = sum.late;
        record["filtered"] = sum.filtered;
        add_dropped(record, sum.dropped);
        add_follow_ups(record, sum.follow_ups);
        if (sum.script_skipped != 0) record["script_skipped"] = sum.script_skipped;
        if (sum.guest) {
            record["outside"] = sum.guest->outside;
            if (sum.guest->lost_at_most) record["lost_at_most"] = true;
            record["guest_paused_ns"] = sum.guest->paused_ns;
        }
        record["braked"] = sum.braked;
        record["braked_ns"] = sum.braked_ns;
        record["duration_ns"] = sum.duration_ns;
        write(record);
    }

    bool flush() override { return out_.flush(); }
    [[nodiscard]] bool has_room() const override { return out_.has_room(); }
    [[nodiscard]] bool is_behind() const override { return out_.is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return out_.total(); }

  private:
    static void write_who(JsonWriter& line, const Hit& hit) {
        line.number("cpu", hit.cpu);
        line.number("pid", hit.pid);
        line.number("tid", hit.tid);
        line.text("comm", hit.comm);
    }

    static void write_access(JsonWriter& line, const Hit& hit) {
        line.text("access", to_word(hit.access));
        line.text("target", hit.target);
        line.hex("address", hit.address);
        line.number("width", hit.width);
        if (hit.width != 0) {
            write_value(line, "old", hit.old_value);
            write_value(line, "new", hit.new_value);
        }
        if (!hit.guest || hit.guest->ip_known) line.hex("ip", hit.ip);
        if (hit.instruction) {
            line.begin_object("instruction");
            line.hex("address", hit.instruction->address);
            line.text("text", hit.instruction->text);
            line.end_object();
        } else {
            line.null("instruction");
        }
        if (!hit.guest || hit.guest->mode_known) line.text("mode", hit.user_mode ? "user" : "kernel");
        if (hit.traps > 1) line.number("traps", hit.traps);
        if (hit.unordered) line.truth("unordered", true);
        if (!hit.also.empty()) write_also(line, hit);
    }

    static void write_also(JsonWriter& line, const Hit& hit) {
        line.begin_list("also");
        for (const AlsoTouched& also : hit.also) {
            line.begin_object();
            line.text("target", also.target);
            write_value(line, "old", also.old_value);
            write_value(line, "new", also.new_value);
            line.end_object();
        }
        line.end_list();
    }

    static void write_says(JsonWriter& line, const Hit& hit) {
        if (hit.says) {
            Json says = Json::object();
            add_script(says, *hit.says);
            line.members(says);
        }
        if (hit.extra_lost) line.truth("fields_lost", true);
        if (hit.deferred) line.truth("deferred", true);
        if (hit.look_missed) line.truth("followup_missed", true);
        if (hit.looks.empty()) return;
        Json looks = Json::object();
        for (const Look& look : hit.looks) add_look(looks[std::string(to_word(look.where))], look);
        line.members(looks);
    }

    // Only what has judged and dropped anything.
    static void add_dropped(Json& record, const Dropped& dropped) {
        record["dropped"] = dropped.in_kernel() + dropped.by_reader();
        const auto add = [&record](const char* where, const char* rule, std::uint64_t count) {
            if (count != 0) record[where][rule] = count;
        };
        add("dropped_in_kernel", "changed", dropped.changed);
        add("dropped_in_kernel", "from", dropped.from);
        add("dropped_in_kernel", "comm", dropped.comm);
        add("dropped_in_kernel", "when", dropped.when);
        add("dropped_in_kernel", "script", dropped.script);
        add("dropped_by_reader", "comm", dropped.reader_comm);
        add("dropped_by_reader", "stack", dropped.reader_stack);
        add("dropped_by_reader", "when", dropped.reader_when);
        add("dropped_by_reader", "followup", dropped.follow_up);
    }

    static void add_follow_ups(Json& record, const HitProgram::FollowUpCounts& counts) {
        if (counts.deferred != 0)
            record["followups"] = {{"deferred", counts.deferred},
                                   {"followed", counts.followed},
                                   {"missed", counts.missed},
                                   {"unfinished", counts.waiting},
                                   {"unsent", counts.unsent}};
        if (counts.task_looks + counts.task_missed != 0)
            record["task_looks"] = {{"looked", counts.task_looks}, {"missed", counts.task_missed}};
    }

    [[nodiscard]] Json header(const char* type) const {
        return {{"v", 1}, {"type", type}, {"watch", watch_}};
    }
    void write(const Json& record) {
        // Task names may hold any bytes: what is no UTF-8 becomes U+FFFD instead of an exception.
        out_.append(record.dump(-1, ' ', false, Json::error_handler_t::replace));
        out_.append("\n");
    }

    OutputStream out_;
    std::string watch_;
};

} // namespace

std::unique_ptr<WatchListener> make_json_sink(int out_fd) { return std::make_unique<JsonSink>(out_fd); }

} // namespace stakeout
