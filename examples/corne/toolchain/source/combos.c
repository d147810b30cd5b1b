// Combos. A press waits as long as it could still become part of a combo.
//
//   press that fits a combo ─► waiting ─┬─ all keys of one are down, no larger one possible ─► the combo
//                                       ├─ too late, or a key that does not fit ─► the largest complete one, or as
// typed
//                                       └─ a waiting key goes up ─► the same
#include "combos.h"
#include "hold_taps.h"
#include "keymap.h"
#include "keys.h"
#include "layers.h"

#define WAITING_MAX 8
#define NONE 0xFF

static struct event waiting[WAITING_MAX];
static uint8_t waiting_count;
// Positions of active combos, and which of their keys are still down.
static uint64_t held[COMBOS_MAX];
static bool pressed[COMBOS_MAX];

static uint64_t bit(uint8_t position) { return 1ull << position; }

static uint64_t waiting_positions(void) {
  uint64_t positions = 0;
  for (uint8_t i = 0; i < waiting_count; i++) positions |= bit(waiting[i].position);
  return positions;
}

// Whether these keys, the first of them pressed at `since`, can be some or all of the combo's.
static bool possible(const struct combo *combo, uint64_t positions, uint32_t since, uint32_t now) {
  return (positions & ~combo->positions) == 0 && combo->layers >> layers_highest() & 1u &&
         now - since <= combo->timeout && !keys_typed_within(combo->prior_idle, since);
}

static void fire(uint8_t index) {
  held[index] = combos[index].positions;
  pressed[index] = true;
  struct event event = {waiting[waiting_count - 1].time, (uint8_t)(POSITIONS + index), true};
  waiting_count = 0;
  hold_taps_event(event);
}

// The wait is over: triggers the complete combo, or sends the keys as typed.
static void release_waiting(void) {
  uint64_t positions = waiting_positions();
  for (uint8_t i = 0; i < combo_count && waiting_count > 1; i++) {
    if (combos[i].positions == positions &&
        possible(&combos[i], positions, waiting[0].time, waiting[waiting_count - 1].time)) {
      fire(i);
      return;
    }
  }
  uint8_t count = waiting_count;
  waiting_count = 0;
  for (uint8_t i = 0; i < count; i++) hold_taps_event(waiting[i]);
}

// Waits for more keys if these can still become a combo. A complete combo triggers when no other is possible.
static bool consider(uint64_t positions, uint32_t since, uint32_t now) {
  uint8_t candidates = 0, complete = NONE;
  for (uint8_t i = 0; i < combo_count; i++) {
    if (!possible(&combos[i], positions, since, now)) continue;
    candidates++;
    if (combos[i].positions == positions) complete = i;
  }
  if (candidates == 1 && complete != NONE) fire(complete);
  return candidates > 0;
}

static void key_down(struct event event) {
  // One key too many ends the wait, like one that does not fit.
  if (waiting_count == WAITING_MAX) release_waiting();
  uint32_t since = waiting_count > 0 ? waiting[0].time : event.time;
  waiting[waiting_count++] = event;
  if (consider(waiting_positions(), since, event.time)) return;
  waiting_count--;
  if (waiting_count > 0) {
    release_waiting();
    waiting[waiting_count++] = event;
    if (consider(bit(event.position), event.time, event.time)) return;
    waiting_count--;
  }
  hold_taps_event(event);
}

static void key_up(struct event event) {
  if (waiting_positions() & bit(event.position)) release_waiting();
  for (uint8_t i = 0; i < combo_count; i++) {
    if (!(held[i] & bit(event.position))) continue;
    held[i] &= ~bit(event.position);
    // The first key that goes up releases the combo; the others are ignored.
    if (pressed[i]) {
      pressed[i] = false;
      hold_taps_event((struct event){event.time, (uint8_t)(POSITIONS + i), false});
    }
    return;
  }
  hold_taps_event(event);
}

void combos_event(struct event event) { event.pressed ? key_down(event) : key_up(event); }

void combos_tick(uint32_t now) {
  if (waiting_count == 0) return;
  for (uint8_t i = 0; i < combo_count; i++) {
    if (possible(&combos[i], waiting_positions(), waiting[0].time, now)) return;
  }
  release_waiting();
}
