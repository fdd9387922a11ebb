/**
 * A UDP port that no other test's process uses: below those that the kernel gives to whoever asks for any.
 * Source: ip-sysctl.rst, ip_local_port_range.
 */
export const OWN_UDP_PORT = 20_000 + (process.pid % 12_000)
