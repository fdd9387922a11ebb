/** What a recipe is: how a guest of one kind gets a NIC on a port. */

export const RECIPE_KINDS = [
  'uml',
  'qemu',
  'libvirt',
  'cloud-hypervisor',
  'firecracker',
  'passt',
  'netns',
  'container',
] as const

/** Kinds of guests with a recipe. */
export type RecipeKind = (typeof RECIPE_KINDS)[number]

/** How a guest of one kind gets a NIC on a port: what `ringferry attach` prints. */
export interface Recipe {
  readonly port: string
  readonly kind: RecipeKind
  /** What to know before; lines without "#". */
  readonly notes: readonly string[]
  /** Shell commands, one each; NAMES in capitals are to be replaced. */
  readonly commands: readonly string[]
}

export type Described = Omit<Recipe, 'port' | 'kind'>

/** The note of recipes whose program no test of Ringferry runs. */
export const NOT_RUN = 'Written by the documentation of the program; no test of Ringferry runs it.'
