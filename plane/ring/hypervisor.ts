// What the plane has done outside of it, by whoever instantiates it: an import of the module of this file's name.

/** Carries out a list of grant copies, and writes what became of each: src/core/grant-copies.ts. */
export declare function copyGrants(at: u32, count: u32): void
