// Nordic's proprietary 1 Mbit/s mode: fixed length, whitening, 16-bit checksum. The crystal clock must run.
#include "radio.h"
#include "config.h"
#include "nrf52840.h"
#include <string.h>

// 2480 MHz lies above the channels that most wireless networks use.
#define CHANNEL 80

static uint8_t buffer[RADIO_PACKET_MAX];
static bool listening;

static void disable(void) {
  if (RADIO_STATE == RADIO_STATE_DISABLED) return;
  RADIO_EVENTS_DISABLED = 0;
  RADIO_TASKS_DISABLE = 1;
  while (!RADIO_EVENTS_DISABLED) {
  }
}

static void set_length(size_t size) {
  // Four-byte base address, whitening on, only the payload.
  RADIO_PCNF0 = 0;
  RADIO_PCNF1 = (uint32_t)size | (uint32_t)size << 8 | 4u << 16 | 1u << 25;
}

void radio_start(void) {
  RADIO_MODE = RADIO_MODE_NRF_1MBIT;
  RADIO_FREQUENCY = CHANNEL;
  RADIO_TXPOWER = RADIO_TX_POWER_DBM;
  RADIO_BASE0 = LINK_ADDRESS;
  RADIO_PREFIX0 = 0xC4;
  RADIO_TXADDRESS = 0;
  RADIO_RXADDRESSES = 1;
  RADIO_CRCCNF = 2;
  RADIO_CRCPOLY = 0x11021;
  RADIO_CRCINIT = 0xFFFF;
  RADIO_DATAWHITEIV = 0x40 | CHANNEL % 64;
  RADIO_PACKETPTR = (uint32_t)buffer;
}

void radio_send(const void *packet, size_t size) {
  disable();
  listening = false;
  set_length(size);
  memcpy(buffer, packet, size);
  RADIO_SHORTS = RADIO_SHORTS_READY_START | RADIO_SHORTS_END_DISABLE;
  RADIO_EVENTS_DISABLED = 0;
  RADIO_TASKS_TXEN = 1;
  while (!RADIO_EVENTS_DISABLED) {
  }
}

bool radio_receive(void *packet, size_t size) {
  if (!listening) {
    disable();
    set_length(size);
    RADIO_SHORTS = RADIO_SHORTS_READY_START;
    RADIO_EVENTS_END = 0;
    RADIO_TASKS_RXEN = 1;
    listening = true;
    return false;
  }
  if (!RADIO_EVENTS_END) return false;
  RADIO_EVENTS_END = 0;
  bool whole = RADIO_CRCSTATUS & 1u;
  if (whole) memcpy(packet, buffer, size);
  RADIO_TASKS_START = 1;
  return whole;
}
