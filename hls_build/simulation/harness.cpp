// SPDX-License-Identifier: Apache-2.0
// Drives any verilated stream design cycle by cycle, behind a C interface for board.simulation.
#include "model.h"

#include <verilated.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#define API extern "C" __attribute__((visibility("default")))

namespace {

/// xorshift64*: cheap, seeded, one per stream.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 0xD1B54A32D192ED03ull) {
        if (!state_) state_ = 1;
    }
    uint32_t below(uint32_t limit) {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<uint32_t>(((state_ * 0x2545F4914F6CDD1Dull) >> 32) * limit >> 32);
    }

  private:
    uint64_t state_;
};

/// Decides cycle by cycle whether one end of a stream takes part.
///
/// Alternates runs of 1 to 16 cycles; the share of open runs is drawn anew every 32 runs, so a
/// long test sees starved, saturated and mixed phases. The first phase is patient, later ones may be.
class Stall {
  public:
    void disable() { enabled_ = false; }
    void enable(uint64_t seed) {
        *this = Stall();
        enabled_ = true;
        random_ = Random(seed);
    }
    bool open() {
        if (!enabled_) return true;
        if (left_ == 0) draw();
        --left_;
        return open_;
    }
    /// A patient sink raises ready only after it saw valid: a source that waits for ready hangs.
    bool patient() const { return enabled_ && patient_; }

  private:
    void draw() {
        if (runs_ == 0) {
            runs_ = 32;
            share_ = 1 + random_.below(7);
            patient_ = random_.below(2) != 0;
        }
        --runs_;
        open_ = random_.below(8) < share_;
        left_ = 1 + random_.below(random_.below(4) == 0 ? 16 : 3);
    }
    bool enabled_ = false;
    bool open_ = true;
    bool patient_ = true;
    uint32_t left_ = 0, runs_ = 32, share_ = 4;
    Random random_{0};
};

/// A run of bits inside a port, read and written as packed little-endian bytes.
class Slice {
  public:
    Slice() = default;
    Slice(const Port& port, uint32_t bit, uint32_t width)
        : at_(port.bytes + bit / 8), shift_(bit % 8), width_(width), bytes_((width + 7) / 8),
          whole_(shift_ == 0 && (width % 8 == 0 || bit + width == port.width)),
          last_(width % 8 ? (1u << width % 8) - 1 : 255) {}
    uint32_t bytes() const { return bytes_; }
    bool bit() const { return *at_ >> shift_ & 1; }
    void bit(bool value) {
        *at_ = static_cast<uint8_t>((*at_ & ~(1u << shift_)) | (static_cast<uint32_t>(value) << shift_));
    }
    void get(uint8_t* to) const {
        if (whole_) {
            std::memcpy(to, at_, bytes_);
            return;
        }
        const uint32_t span = (shift_ + width_ + 7) / 8;
        for (uint32_t i = 0; i < bytes_; ++i) {
            const uint32_t high = i + 1 < span ? at_[i + 1] : 0;
            to[i] = static_cast<uint8_t>((at_[i] | high << 8) >> shift_);
        }
        to[bytes_ - 1] &= last_;
    }
    void put(const uint8_t* from) {
        if (whole_) {
            std::memcpy(at_, from, bytes_);
            at_[bytes_ - 1] &= last_;
            return;
        }
        for (uint32_t i = 0; i < bytes_; ++i) {
            const uint32_t mask = (i + 1 == bytes_ ? last_ : 255u) << shift_;
            const uint32_t value = static_cast<uint32_t>(from[i]) << shift_ & mask;
            at_[i] = static_cast<uint8_t>((at_[i] & ~mask) | value);
            if (mask >> 8) at_[i + 1] = static_cast<uint8_t>((at_[i + 1] & ~(mask >> 8)) | value >> 8);
        }
    }

  private:
    uint8_t* at_ = nullptr;
    uint32_t shift_ = 0, width_ = 0, bytes_ = 0;
    bool whole_ = true;
    uint8_t last_ = 255;
};

struct Stream {
    bool source;
    Slice data, valid, ready;
    Stall stall;
    uint8_t* beats = nullptr;  // read for a source, written for a sink
    uint64_t* stamps = nullptr;
    uint64_t count = 0, next = 0;
    double pace = 0;      // source: least cycles per beat since the beats were given
    uint64_t began = 0;
    bool driving = false;  // our side: valid of a source, ready of a sink
    bool waited = false;   // sink: the last cycle had valid without ready
    bool fresh = false;    // beats were given since the last cycle
    bool endless = false;  // source: begins again with its first beat, and is not waited for
    std::vector<uint8_t> held, now;
    uint64_t passed = 0, stalls = 0, starves = 0;

    bool finished() const { return next == count; }
};

struct Violation {
    uint64_t cycle;
    uint32_t stream;
    uint32_t kind;  // 0: valid dropped, 1: data changed
};

/// Counts set bits per position, 64 positions at a time, in eight carry planes.
class Tally {
  public:
    explicit Tally(uint32_t bits = 0) : planes_((bits + 63) / 64), totals_((bits + 63) / 64 * 64) {}
    void add(uint32_t word, uint64_t mask) {
        for (uint64_t& plane : planes_[word].bits) {
            const uint64_t carry = plane & mask;
            plane ^= mask;
            if (!(mask = carry)) break;
        }
    }
    void step() {
        if (++pending_ == 255) flush();
    }
    const std::vector<uint64_t>& totals() {
        flush();
        return totals_;
    }

  private:
    struct Planes {
        uint64_t bits[8] = {};
    };
    void flush() {
        pending_ = 0;
        for (size_t word = 0; word < planes_.size(); ++word) {
            for (uint32_t plane = 0; plane < 8; ++plane) {
                const uint64_t bits = planes_[word].bits[plane];
                for (uint32_t i = 0; bits >> i && i < 64; ++i) totals_[word * 64 + i] += (bits >> i & 1) << plane;
                planes_[word].bits[plane] = 0;
            }
        }
    }
    std::vector<Planes> planes_;
    std::vector<uint64_t> totals_;
    uint32_t pending_ = 0;
};

struct Monitor {
    const Port *valid = nullptr, *ready = nullptr;
    uint32_t words = 0;
    Tally beats, stalls, starves;

    static uint64_t word(const Port& port, uint32_t index) {
        uint64_t value = 0;
        std::memcpy(&value, port.bytes + index * 8, std::min<uint32_t>(8, port.storage - index * 8));
        return value;
    }
    bool sample() {
        uint64_t any = 0;
        for (uint32_t i = 0; i < words; ++i) {
            const uint64_t v = word(*valid, i), r = word(*ready, i);
            beats.add(i, v & r);
            stalls.add(i, v & ~r);
            starves.add(i, r & ~v);
            any |= v & r;
        }
        beats.step();
        stalls.step();
        starves.step();
        return any != 0;
    }
};

enum Status : int32_t { FAILED = -1, RUNNING = 0, DONE = 1, IDLE = 2 };

class Simulation {
  public:
    Simulation(const std::string& trace, uint32_t seed) : model_(make_model(trace, seed)) {
        for (Port& port : model_->ports)
            if (port.input) std::memset(port.bytes, 0, port.storage);
    }

    std::vector<Port>& ports() { return model_->ports; }
    std::vector<Stream>& streams() { return streams_; }
    std::vector<Violation>& violations() { return violations_; }
    Monitor& monitor() { return monitor_; }
    uint64_t cycle() const { return cycle_; }

    void clocks(uint32_t clk, int32_t clk2x, uint32_t rst) {
        clk_ = model_->ports.at(clk).bytes;
        clk2x_ = clk2x < 0 ? nullptr : model_->ports.at(clk2x).bytes;
        rst_ = model_->ports.at(rst).bytes;
    }
    void watch(uint32_t valid, uint32_t ready) {
        monitor_.valid = &model_->ports.at(valid);
        monitor_.ready = &model_->ports.at(ready);
        const uint32_t bits = monitor_.valid->width;
        monitor_.words = (bits + 63) / 64;
        monitor_.beats = monitor_.stalls = monitor_.starves = Tally(bits);
    }
    void reset(uint64_t cycles) {
        for (Stream& s : streams_) {
            drive(s, false);
            s.count = s.next = 0;
            s.waited = s.fresh = s.endless = false;
        }
        *rst_ = 0;
        for (uint64_t i = 0; i <= cycles; ++i) {
            fall();
            rise();
        }
        *rst_ = 1;
        settle();
    }
    void begin(Stream& s, uint8_t* beats, uint64_t count, uint64_t* stamps, bool endless) {
        s.beats = beats;
        s.endless = endless;
        s.stamps = stamps;
        s.count = count;
        s.next = 0;
        s.fresh = true;
        s.began = last_ = cycle_;
    }
    /// Leaves the design just after a rising edge, so that what is offered next changes with the slow
    /// clock, as registers in front of it would: a doubled clock takes half a beat at either edge.
    int32_t step(uint64_t cycles, uint64_t idle_limit) {
        for (Stream& s : streams_)
            if (s.fresh) choose(s);  // what was given between two calls is offered at once, not a cycle late
        const uint64_t end = cycle_ + cycles;
        while (!finished() && cycle_ - last_ <= idle_limit && cycle_ != end) {
            fall();
            if (sample()) last_ = cycle_ + 1;
            rise();
            ++cycle_;
            for (Stream& s : streams_) choose(s);
        }
        settle();
        if (finished()) return DONE;
        return cycle_ - last_ > idle_limit ? IDLE : RUNNING;
    }
    /// Clocks the design with every stream held back.
    void idle(uint64_t cycles) {
        for (uint64_t i = 0; i < cycles; ++i) {
            fall();
            rise();
            ++cycle_;
        }
    }
    void settle() { model_->eval(); }

  private:
    static constexpr uint64_t QUARTER = 2;  // of a clock period, in wave time

    void evaluate() {
        settle();
        model_->dump(time_);
    }
    static void drive(Stream& s, bool on) {
        s.driving = on;
        (s.source ? s.valid : s.ready).bit(on);
    }
    bool due(const Stream& s) const {
        return static_cast<double>(cycle_ - s.began) >= s.pace * static_cast<double>(s.next);
    }
    /// Decides our side of one stream for the coming cycle; valid stays up until it is accepted.
    void choose(Stream& s) const {
        s.fresh = false;
        if (!s.source) {
            drive(s, !s.finished() && (s.waited || !s.stall.patient()) && s.stall.open());
        } else if (!s.driving) {
            const bool on = !s.finished() && s.stall.open() && due(s);
            if (on) s.data.put(s.beats + s.next * s.data.bytes());
            drive(s, on);
        }
    }
    bool finished() const {
        return std::all_of(streams_.begin(), streams_.end(), [](const Stream& s) { return s.endless || s.finished(); });
    }
    bool sample() {
        bool moved = false;
        for (Stream& s : streams_) moved |= sample(s);
        if (monitor_.words) moved |= monitor_.sample();
        return moved;
    }
    bool sample(Stream& s) {
        const bool valid = s.source ? s.driving : s.valid.bit();
        const bool ready = s.source ? s.ready.bit() : s.driving;
        if (!s.source) check(s, valid, ready);
        if (s.finished()) return false;
        s.stalls += valid && !ready;
        s.starves += ready && !valid;
        if (!valid || !ready) return false;
        if (s.source)
            s.driving = false;
        else
            s.data.get(s.beats + s.next * s.data.bytes());
        if (s.stamps) s.stamps[s.next] = cycle_;
        ++s.next;
        if (s.endless && s.finished()) s.next = 0;
        ++s.passed;
        return true;
    }
    /// Holds the design to AXI-Stream: once valid, stay valid with the same data until accepted.
    void check(Stream& s, bool valid, bool ready) {
        if (s.waited) {
            s.data.get(s.now.data());
            if (!valid || s.now != s.held) {
                const uint32_t index = static_cast<uint32_t>(&s - streams_.data());
                if (violations_.size() < LIMIT) violations_.push_back({cycle_, index, valid ? 1u : 0u});
            }
        }
        s.waited = valid && !ready;
        if (s.waited) s.data.get(s.held.data());
    }
    void rise() {
        *clk_ = 1;
        if (clk2x_) *clk2x_ = 1;
        evaluate();
        time_ += QUARTER;
    }
    /// Applies what changed after the rising edge, up to the next one. The doubled clock rises with the
    /// slow clock's both edges.
    void fall() {
        if (clk2x_) {
            *clk2x_ = 0;
            evaluate();
            *clk2x_ = 1;
        }
        time_ += QUARTER;
        *clk_ = 0;
        evaluate();
        time_ += QUARTER;
        if (clk2x_) {
            *clk2x_ = 0;
            evaluate();
        }
        time_ += QUARTER;
    }

    static constexpr size_t LIMIT = 64;  // violations worth keeping
    std::unique_ptr<Model> model_;
    std::vector<Stream> streams_;
    std::vector<Violation> violations_;
    Monitor monitor_;
    uint8_t *clk_ = nullptr, *clk2x_ = nullptr, *rst_ = nullptr;  // reset is active low
    uint64_t cycle_ = 0, last_ = 0, time_ = 0;
};

thread_local std::string failure;

/// Runs body; an exception becomes FAILED and a text for auf_error.
template <typename Body>
int32_t guarded(Body body) {
    try {
        return body();
    } catch (const std::exception& e) {
        failure = e.what();
        return FAILED;
    }
}

}  // namespace

// A design's $finish, $stop, fatal errors and missing memory files become exceptions, not the process's end.
void vl_finish(const char* file, int line, const char*) {
    throw std::runtime_error(std::string("the design called $finish at ") + file + ":" + std::to_string(line));
}
void vl_stop(const char* file, int line, const char*) {
    throw std::runtime_error(std::string("the design stopped at ") + file + ":" + std::to_string(line));
}
void vl_warn(const char* file, int line, const char*, const char* message) {
    throw std::runtime_error(std::string(message) + " at " + file + ":" + std::to_string(line));
}
void vl_fatal(const char* file, int line, const char*, const char* message) {
    throw std::runtime_error(std::string(message) + " at " + file + ":" + std::to_string(line));
}

API const char* auf_error() { return failure.c_str(); }

API Simulation* auf_open(const char* trace, uint32_t seed) {
    Simulation* opened = nullptr;
    guarded([&] {
        opened = new Simulation(trace, seed);
        return 0;
    });
    return opened;
}
API void auf_close(Simulation* sim) { delete sim; }

API int32_t auf_ports(Simulation* sim) { return static_cast<int32_t>(sim->ports().size()); }
API const char* auf_port(Simulation* sim, uint32_t index, uint32_t* width, int32_t* input) {
    const Port& port = sim->ports().at(index);
    *width = port.width;
    *input = port.input;
    return port.name;
}
API int32_t auf_peek(Simulation* sim, uint32_t index, uint8_t* to) {
    return guarded([&] {
        sim->settle();
        const Port& port = sim->ports().at(index);
        std::memcpy(to, port.bytes, (port.width + 7) / 8);
        return 0;
    });
}
API void auf_poke(Simulation* sim, uint32_t index, const uint8_t* from) {
    const Port& port = sim->ports().at(index);
    Slice(port, 0, port.width).put(from);
}
API void auf_clocks(Simulation* sim, uint32_t clk, int32_t clk2x, uint32_t rst) { sim->clocks(clk, clk2x, rst); }
API void auf_stream(Simulation* sim, int32_t source, uint32_t data, uint32_t bit, uint32_t width, uint32_t valid,
                    uint32_t valid_bit, uint32_t ready, uint32_t ready_bit) {
    const std::vector<Port>& ports = sim->ports();
    Stream stream;
    stream.source = source != 0;
    stream.data = Slice(ports.at(data), bit, width);
    stream.valid = Slice(ports.at(valid), valid_bit, 1);
    stream.ready = Slice(ports.at(ready), ready_bit, 1);
    stream.held.resize(stream.data.bytes());
    stream.now.resize(stream.data.bytes());
    sim->streams().push_back(stream);
}
API void auf_monitor(Simulation* sim, uint32_t valid, uint32_t ready) { sim->watch(valid, ready); }
API void auf_stall(Simulation* sim, uint32_t stream, int32_t enabled, uint64_t seed) {
    Stall& stall = sim->streams().at(stream).stall;
    enabled ? stall.enable(seed) : stall.disable();
}
API void auf_pace(Simulation* sim, uint32_t stream, double cycles_per_beat) {
    sim->streams().at(stream).pace = cycles_per_beat;
}
API void auf_begin(Simulation* sim, uint32_t stream, uint8_t* beats, uint64_t count, uint64_t* stamps,
                   int32_t endless) {
    sim->begin(sim->streams().at(stream), beats, count, stamps, endless != 0);
}
API int32_t auf_reset(Simulation* sim, uint64_t cycles) {
    return guarded([&] {
        sim->reset(cycles);
        return 0;
    });
}
API int32_t auf_step(Simulation* sim, uint64_t cycles, uint64_t idle_limit) {
    return guarded([&] { return sim->step(cycles, idle_limit); });
}
API int32_t auf_idle(Simulation* sim, uint64_t cycles) {
    return guarded([&] {
        sim->idle(cycles);
        return 0;
    });
}
API uint64_t auf_cycle(Simulation* sim) { return sim->cycle(); }

/// out: passed, stalls, starves, remaining, valid, ready.
API void auf_counters(Simulation* sim, uint32_t index, uint64_t* out) {
    const Stream& s = sim->streams().at(index);
    const uint64_t values[] = {s.passed, s.stalls, s.starves, s.count - s.next, s.valid.bit(), s.ready.bit()};
    std::copy(std::begin(values), std::end(values), out);
}
API void auf_monitor_counters(Simulation* sim, uint64_t* beats, uint64_t* stalls, uint64_t* starves) {
    Monitor& m = sim->monitor();
    if (!m.words) return;
    std::copy_n(m.beats.totals().begin(), m.valid->width, beats);
    std::copy_n(m.stalls.totals().begin(), m.valid->width, stalls);
    std::copy_n(m.starves.totals().begin(), m.valid->width, starves);
}
/// Takes up to room violations out as (cycle, stream, kind) and forgets all.
API uint32_t auf_violations(Simulation* sim, uint64_t* out, uint32_t room) {
    std::vector<Violation>& all = sim->violations();
    const uint32_t taken = std::min<uint32_t>(room, static_cast<uint32_t>(all.size()));
    for (uint32_t i = 0; i < taken; ++i) {
        out[3 * i] = all[i].cycle;
        out[3 * i + 1] = all[i].stream;
        out[3 * i + 2] = all[i].kind;
    }
    all.clear();
    return taken;
}
