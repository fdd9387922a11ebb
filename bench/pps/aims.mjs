// What the table of part c compares with what: the aims of the project, for processors that share a core or its L2, and for
// two cores of one L3 (lib/distance.mjs).

/** @typedef {{ shared: number, apart: number }} Aim */

const POLLED = { shared: 2, apart: 1 }
const BRIDGED = { shared: 4, apart: 1.6 }
const LAID_OUT = { testpmd: { shared: 1.5, apart: 1 }, ovs: { shared: 1.8, apart: 1.3 } }
const LONG = { testpmd: { shared: 1.5, apart: 1.3 }, ovs: undefined }
const MANY = { testpmd: { shared: 1.7, apart: 1 }, ovs: BRIDGED }

/**
 * Cases against other switches.
 * @type {Record<string, { testpmd: Aim, ovs: Aim | undefined }>}
 */
export const PEER_AIMS = {
  one: { testpmd: { shared: 2.4, apart: 1 }, ovs: { shared: 2.8, apart: 1.4 } },
  p16: { testpmd: POLLED, ovs: BRIDGED },
  p256: { testpmd: POLLED, ovs: BRIDGED },
  p4096: MANY,
  moves: MANY,
  desc2: LAID_OUT,
  'desc2-p4096': LAID_OUT,
  indirect2: LAID_OUT,
  'one-1500': LONG,
  'p256-1500': LONG,
  buffers600: LONG,
  indirect18: LONG,
}

/** Cases against Ringferry without the feature, and what is sent there. */
export const FEATURES_OF = {
  tag: 'one',
  'tag-on': 'one',
  'tag-off': 'one',
  'guard-mac': 'one',
  'guard-ip': 'udp',
  'limit-from': 'one',
  'limit-to': 'one',
  queues2: 'udp',
}
/** Share of the rate without a feature. */
export const FEATURE_AIM = { shared: 0.85, apart: 0.85 }
