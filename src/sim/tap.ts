/** Looks on at one port while a model runs. */

/** A frame as it crosses the port. */
export interface TappedFrame {
  /** ingress: into the switch by this port; egress: out of it. */
  readonly direction: 'ingress' | 'egress'
  /** Numbers of ports, NICs first; place of its traffic in the model. */
  readonly from: number
  readonly to: number
  readonly flow: number
  /** Without checksum. */
  readonly bytes: number
  readonly isUrgent: boolean
}

export interface Tap {
  /** A VM's or NIC's name. */
  readonly port: string
  frame(frame: TappedFrame, nowNs: number): void
}
