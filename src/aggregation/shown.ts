/** Above any time and below any share that matters: an idle VM's ring fills in 10^21 us. */
const ENDLESS = 1e9
const NOTHING = 1e-9

/** Figures to show: those from ENDLESS on are left out (JSON knows no infinity), those below NOTHING are 0. */
export function shown<Figures extends object>(figures: Figures): Figures {
  return Object.fromEntries(
    Object.entries(figures)
      .filter(([, value]) => value < ENDLESS)
      .map(([name, value]) => [name, value < NOTHING ? 0 : value]),
  ) as Figures
}
