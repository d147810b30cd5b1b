// One macro plays at a time, step by step; others wait in a queue.
#include "macros.h"
#include "keymap.h"
#include "keys.h"

#define WAITING_MAX 8

static uint8_t waiting[WAITING_MAX];
static uint8_t count, step;
static bool down;
static uint32_t next_at;

static void advance(uint32_t now) {
  const struct macro *macro = &macros[waiting[0]];
  if (step == macro->count) {
    for (uint8_t i = 1; i < count; i++) waiting[i - 1] = waiting[i];
    count--;
    step = 0;
    return;
  }
  const struct macro_step *current = &macro->steps[step];
  bool press = current->step == STEP_PRESS || (current->step == STEP_TAP && !down);
  keys_perform(&current->binding, press, now);
  down = current->step == STEP_TAP && press;
  next_at = now + (down ? current->tap : current->wait);
  if (!down) step++;
}

void macros_play(uint8_t index, uint32_t now) {
  if (count == WAITING_MAX) return;
  if (count == 0) next_at = now;
  waiting[count++] = index;
  macros_tick(now);
}

void macros_tick(uint32_t now) {
  while (count > 0 && (int32_t)(now - next_at) >= 0) advance(now);
}
