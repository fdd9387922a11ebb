/** A frame of a capture file. */
export interface FileFrame {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint
  /** Bytes of the frame; `data` may be fewer. */
  readonly sizeBytes: number
  readonly data: Buffer
  /** ingress: it entered the switch, or the machine, that captured it; undefined: the file does not say. */
  readonly direction?: 'ingress' | 'egress'
  readonly comment: string
}

/** What a reader counts beside its frames. */
export interface FileCounts {
  /** Packets of other links than Ethernet. */
  otherLinks: number
  /** Whether the file ends within a packet. */
  isCut: boolean
}
