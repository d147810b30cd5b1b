// Split link: sending order and timeouts.
#include "link.h"
#include "half.h"
#include "radio.h"
#include <string.h>

#define REPEATS 3
#define SILENCE_MS 250

static struct link_packet last_sent, last_heard;
static uint32_t sent_at, heard_at;
static uint8_t repeats_left;
static bool heard;

void link_start(void) {
  last_heard.column_offset = (uint8_t)(COLUMNS - half.column_offset);
  radio_start();
}

void link_send(const uint8_t rows[LINK_ROWS], uint32_t now) {
  if (memcmp(rows, last_sent.rows, LINK_ROWS) != 0) {
    memcpy(last_sent.rows, rows, LINK_ROWS);
    repeats_left = REPEATS;
  }
  if (repeats_left == 0 && now - sent_at < half.link_interval) return;
  last_sent.column_offset = half.column_offset;
  last_sent.sequence++;
  radio_send(&last_sent, sizeof last_sent);
  sent_at = now;
  if (repeats_left > 0) repeats_left--;
}

bool link_receive(struct link_packet *packet, uint32_t now) {
  struct link_packet next;
  if (radio_receive(&next, sizeof next) && next.column_offset == last_heard.column_offset) {
    last_heard = next;
    heard_at = now;
    heard = true;
  }
  // A half out of reach must not leave its keys pressed for ever.
  if (heard && now - heard_at > SILENCE_MS) {
    memset(last_heard.rows, 0, sizeof last_heard.rows);
    heard = false;
  }
  *packet = last_heard;
  return heard;
}
