// Hold-taps. While one is undecided, all later events wait in a queue, in order:
//
//   queue:  [ seen by the undecided hold-tap | not yet seen ]
//
// Once it is decided, the queue is replayed from its beginning. Another hold-tap in it may stop the replay again.
#include "hold_taps.h"
#include "keymap.h"
#include "keys.h"
#include "layers.h"
#include <stddef.h>

#define QUEUE_MAX 40
#define NO_KEY 0xFF

enum decision { UNDECIDED, HOLD, TAP };

static struct event queue[QUEUE_MAX];
static uint8_t queued, seen;

static struct {
  const struct hold_tap *config; // null when none is undecided
  const struct binding *binding;
  struct event press;
  uint8_t first_other;
} current;

static void take(uint8_t index) {
  queued--;
  for (uint8_t i = index; i < queued; i++) queue[i] = queue[i + 1];
}

static bool is_queued_press(uint8_t position) {
  for (uint8_t i = 0; i < queued; i++) {
    if (queue[i].pressed && queue[i].position == position) return true;
  }
  return false;
}

static void decide(enum decision decision) {
  const struct hold_tap *config = current.config;
  // Rolling over keys of the same hand is typing, not holding.
  if (decision == HOLD && config->trigger_positions && current.first_other < POSITIONS &&
      !(config->trigger_positions >> current.first_other & 1u)) {
    decision = TAP;
  }
  struct binding chosen = decision == HOLD ? config->hold : config->tap;
  if (chosen.behavior == BEHAVIOR_KEY || chosen.behavior == BEHAVIOR_LAYER || chosen.behavior == BEHAVIOR_STICKY_KEY ||
      chosen.behavior == BEHAVIOR_TO_LAYER || chosen.behavior == BEHAVIOR_TOGGLE_LAYER) {
    chosen.first = decision == HOLD ? current.binding->first : current.binding->second;
  }
  current.config = NULL;
  keys_press(current.press.position, &chosen, current.press.time);
}

static void begin(const struct binding *binding, struct event event) {
  const struct hold_tap *config = &hold_taps[binding->index];
  current.config = config;
  current.binding = binding;
  current.press = event;
  current.first_other = NO_KEY;
  seen = 0;
  bool again = keys_last_typed() == event.position && keys_typed_within(config->quick_tap, event.time);
  if (again || keys_typed_within(config->prior_idle, event.time)) decide(TAP);
}

static enum decision timed_out(void) {
  return current.config->flavor == FLAVOR_TAP_UNLESS_INTERRUPTED ? TAP : HOLD;
}

// Applies a later event to the decision of the undecided hold-tap.
static enum decision look(struct event event) {
  if (event.time - current.press.time >= current.config->tapping_term) return timed_out();
  if (event.position == current.press.position) return event.pressed ? UNDECIDED : TAP;
  if (current.first_other == NO_KEY && event.pressed != current.config->trigger_on_release) {
    current.first_other = event.position;
  }
  if (event.pressed) {
    bool interrupted = current.config->flavor == FLAVOR_HOLD_PREFERRED ||
                       current.config->flavor == FLAVOR_TAP_UNLESS_INTERRUPTED;
    return interrupted ? HOLD : UNDECIDED;
  }
  return current.config->flavor == FLAVOR_BALANCED ? HOLD : UNDECIDED;
}

static void play(struct event event) {
  if (!event.pressed) {
    keys_release(event.position, event.time);
    return;
  }
  const struct binding *binding = layers_binding(event.position);
  if (binding->behavior == BEHAVIOR_HOLD_TAP) {
    begin(binding, event);
  } else {
    keys_press(event.position, binding, event.time);
  }
}

static void run(void) {
  for (;;) {
    if (current.config) {
      if (seen == queued) return;
      enum decision decision = look(queue[seen++]);
      if (decision != UNDECIDED) decide(decision);
    } else {
      if (queued == 0) return;
      struct event event = queue[0];
      take(0);
      play(event);
    }
  }
}

void hold_taps_event(struct event event) {
  // The release of a key that was down before the hold-tap is independent of it, and is sent at once.
  if (current.config && !event.pressed && event.position != current.press.position && !is_queued_press(event.position)) {
    keys_release(event.position, event.time);
    return;
  }
  if (queued == QUEUE_MAX) {
    decide(timed_out());
    run();
  }
  if (queued < QUEUE_MAX) queue[queued++] = event;
  run();
}

void hold_taps_tick(uint32_t now) {
  if (!current.config || now - current.press.time < current.config->tapping_term) return;
  decide(timed_out());
  run();
}
