/** States of both ends of a device. Source: xen/include/public/io/xenbus.h (4.17). */
export const XENBUS_STATE = {
  Unknown: 0,
  Initialising: 1,
  InitWait: 2,
  Initialised: 3,
  Connected: 4,
  Closing: 5,
  Closed: 6,
  Reconfiguring: 7,
  Reconfigured: 8,
} as const

export type XenbusState = (typeof XENBUS_STATE)[keyof typeof XENBUS_STATE]
