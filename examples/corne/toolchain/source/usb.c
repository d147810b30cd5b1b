// USB device controller, polled. It answers SET_ADDRESS itself; the rest of endpoint 0 is handled here.
#include "usb.h"
#include "nrf52840.h"
#include "report.h"
#include "usb_descriptors.h"
#include <stdint.h>
#include <string.h>

#define PACKET 64
#define REQUEST(type, request) ((type) << 8 | (request))

enum {
  GET_STATUS_DEVICE = REQUEST(0x80, 0x00),
  GET_STATUS_INTERFACE = REQUEST(0x81, 0x00),
  GET_STATUS_ENDPOINT = REQUEST(0x82, 0x00),
  CLEAR_DEVICE_FEATURE = REQUEST(0x00, 0x01),
  CLEAR_ENDPOINT_FEATURE = REQUEST(0x02, 0x01),
  SET_DEVICE_FEATURE = REQUEST(0x00, 0x03),
  SET_ADDRESS = REQUEST(0x00, 0x05),
  GET_DESCRIPTOR = REQUEST(0x80, 0x06),
  GET_INTERFACE_DESCRIPTOR = REQUEST(0x81, 0x06),
  GET_CONFIGURATION = REQUEST(0x80, 0x08),
  SET_CONFIGURATION = REQUEST(0x00, 0x09),
  HID_SET_REPORT = REQUEST(0x21, 0x09),
  HID_SET_IDLE = REQUEST(0x21, 0x0A),
  HID_SET_PROTOCOL = REQUEST(0x21, 0x0B),
};

static bool enabled, attached;
static uint8_t configured;
static bool busy[3];

// The controller accesses only RAM, so descriptors are copied here from flash.
static uint8_t control_buffer[PACKET];
static uint8_t keyboard_buffer[sizeof(struct keyboard_report)], consumer_buffer[sizeof(uint16_t)];

static struct {
  const uint8_t *bytes;
  uint16_t left;
  bool zero_length_end;
  bool receiving;
} control;

// Workarounds from Nordic's errata sheets: 171 and 187 for waking the controller, 199 for its transfers.
static void errata_171(uint32_t value) {
  REGISTER(0x4006EC00) = 0x9375;
  REGISTER(0x4006EC14) = value;
  REGISTER(0x4006EC00) = 0x9375;
}
static void errata_187(uint32_t value) {
  REGISTER(0x4006EC00) = 0x9375;
  REGISTER(0x4006ED14) = value;
  REGISTER(0x4006EC00) = 0x9375;
}
static void errata_199(uint32_t value) { REGISTER(0x40027C1C) = value; }

static void transfer_in(uint8_t endpoint, const void *bytes, uint32_t length) {
  USBD_EPIN_PTR(endpoint) = (uint32_t)bytes;
  USBD_EPIN_MAXCNT(endpoint) = length;
  USBD_EVENTS_ENDEPIN(endpoint) = 0;
  errata_199(0x82);
  USBD_TASKS_STARTEPIN(endpoint) = 1;
  while (!USBD_EVENTS_ENDEPIN(endpoint)) {
  }
  errata_199(0);
}

static void control_status(void) { USBD_TASKS_EP0STATUS = 1; }

static void control_next(void) {
  if (control.left == 0 && !control.zero_length_end) {
    control_status();
    return;
  }
  uint16_t length = control.left < PACKET ? control.left : PACKET;
  if (length < PACKET) control.zero_length_end = false;
  memcpy(control_buffer, control.bytes, length);
  control.bytes += length;
  control.left -= length;
  transfer_in(0, control_buffer, length);
}

static void control_answer(const uint8_t *bytes, uint16_t length, uint16_t wanted) {
  // An answer shorter than requested ends with a short packet, which may be empty.
  control.zero_length_end = length < wanted && length % PACKET == 0;
  control.left = length < wanted ? length : wanted;
  control.bytes = bytes;
  control_next();
}

static void control_setup(void) {
  static const uint8_t zeroes[2];
  uint16_t wanted = (uint16_t)(USBD_WLENGTHL | USBD_WLENGTHH << 8);
  control.receiving = false;
  switch (REQUEST(USBD_BMREQUESTTYPE, USBD_BREQUEST)) {
  case SET_ADDRESS:
    break;
  case GET_DESCRIPTOR:
  case GET_INTERFACE_DESCRIPTOR: {
    struct descriptor found =
        usb_descriptor((uint8_t)USBD_WVALUEH, (uint8_t)USBD_WVALUEL, (uint8_t)USBD_WINDEXL);
    if (found.length == 0) {
      USBD_TASKS_EP0STALL = 1;
    } else {
      control_answer(found.bytes, found.length, wanted);
    }
    break;
  }
  case GET_STATUS_DEVICE:
  case GET_STATUS_INTERFACE:
  case GET_STATUS_ENDPOINT:
    control_answer(zeroes, sizeof zeroes, wanted);
    break;
  case GET_CONFIGURATION:
    control_answer(&configured, 1, wanted);
    break;
  case SET_CONFIGURATION:
    configured = (uint8_t)USBD_WVALUEL;
    USBD_EPINEN = 1u | 1u << USB_KEYBOARD_ENDPOINT | 1u << USB_CONSUMER_ENDPOINT;
    memset(busy, 0, sizeof busy);
    control_status();
    break;
  case HID_SET_REPORT:
    // The state of the lamps is received and ignored, because a Corne has none.
    control.receiving = true;
    USBD_TASKS_EP0RCVOUT = 1;
    break;
  case CLEAR_DEVICE_FEATURE:
  case SET_DEVICE_FEATURE:
  case CLEAR_ENDPOINT_FEATURE:
  case HID_SET_IDLE:
  case HID_SET_PROTOCOL:
    control_status();
    break;
  default:
    USBD_TASKS_EP0STALL = 1;
  }
}

static void control_data_done(void) {
  if (!control.receiving) {
    control_next();
    return;
  }
  USBD_EPOUT_PTR(0) = (uint32_t)control_buffer;
  USBD_EPOUT_MAXCNT(0) = PACKET;
  USBD_EVENTS_ENDEPOUT(0) = 0;
  errata_199(0x82);
  USBD_TASKS_STARTEPOUT(0) = 1;
  while (!USBD_EVENTS_ENDEPOUT(0)) {
  }
  errata_199(0);
  control_status();
}

static void enable(void) {
  USBD_EVENTCAUSE = USBD_EVENTCAUSE_READY;
  errata_187(3);
  errata_171(0xC0);
  USBD_ENABLE = 1;
  while (!(USBD_EVENTCAUSE & USBD_EVENTCAUSE_READY)) {
  }
  USBD_EVENTCAUSE = USBD_EVENTCAUSE_READY;
  errata_171(0);
  errata_187(0);
  USBD_EPINEN = 1;
  USBD_EPOUTEN = 1;
  enabled = true;
}

static void disable(void) {
  USBD_USBPULLUP = 0;
  USBD_ENABLE = 0;
  enabled = attached = false;
  configured = 0;
}

static bool happened(volatile uint32_t *event) {
  if (!*event) return false;
  *event = 0;
  return true;
}

bool usb_poll(void) {
  uint32_t power = POWER_USBREGSTATUS;
  if (!(power & POWER_USBREGSTATUS_VBUS)) {
    if (enabled) disable();
    return false;
  }
  if (!enabled) enable();
  if (!attached && power & POWER_USBREGSTATUS_READY) {
    USBD_USBPULLUP = 1;
    attached = true;
  }
  if (happened(&USBD_EVENTS_USBRESET)) {
    configured = 0;
    memset(busy, 0, sizeof busy);
  }
  if (happened(&USBD_EVENTS_EP0DATADONE)) control_data_done();
  if (happened(&USBD_EVENTS_EP0SETUP)) control_setup();
  if (happened(&USBD_EVENTS_EPDATA)) {
    uint32_t done = USBD_EPDATASTATUS;
    USBD_EPDATASTATUS = done;
    for (uint8_t endpoint = 1; endpoint < sizeof busy; endpoint++) {
      if (done >> endpoint & 1u) busy[endpoint] = false;
    }
  }
  return true;
}

void usb_send(void) {
  struct keyboard_report report;
  uint16_t usage;
  if (!configured) return;
  if (!busy[USB_KEYBOARD_ENDPOINT] && report_fetch_keyboard(&report)) {
    memcpy(keyboard_buffer, &report, sizeof report);
    busy[USB_KEYBOARD_ENDPOINT] = true;
    transfer_in(USB_KEYBOARD_ENDPOINT, keyboard_buffer, sizeof report);
  }
  if (!busy[USB_CONSUMER_ENDPOINT] && report_fetch_consumer(&usage)) {
    memcpy(consumer_buffer, &usage, sizeof usage);
    busy[USB_CONSUMER_ENDPOINT] = true;
    transfer_in(USB_CONSUMER_ENDPOINT, consumer_buffer, sizeof usage);
  }
}
