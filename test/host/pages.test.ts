/** The commands of the operators' pages, run as they stand there. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { able } from './support/network.js'
import { paste, root, shellBlocks } from './support/paste.js'

/** Those that go on until Ctrl-C get it a second after they said something. */
const INSTALLED = `
a_while() {
  local said=$(mktemp)
  "$@" > "$said" &
  until [ -s "$said" ] || ! kill -0 $! 2> /dev/null; do sleep 0.1; done
  sleep 1
  cat "$said"
  rm "$said"
  if kill -INT $! 2> /dev/null; then wait $! || true; else wait $!; fi
}
ringferry() {
  case " $* " in
  *' -w '* | *' -f '* | *' --listen '*) a_while node "${root}/dist/cli/main.js" "$@" ;;
  *) node "${root}/dist/cli/main.js" "$@" ;;
  esac
}`

/** A folder of the reader's own, which goes at the end, with what runs in it. */
const HOME = `${INSTALLED}
export HOME="$(mktemp -d)"
cd "$HOME"
trap 'kill $(jobs -p) || true; wait; rm -rf "$HOME"' EXIT`

const CONFIGURED = `${HOME}
printf 'ports:\\n  - {kind: vif, name: g1, socket: %s}\\n' "$PWD/g1.sock" > switch.yaml`

/** A switch as the page has it before its commands. */
const RUNNING = `${CONFIGURED}
ringferry up --config switch.yaml > up.log 2>&1 &
until ringferry status > status.log 2>&1; do sleep 0.1; done`

/** A switch where the system's is, and curl, whose errors count. */
const AT_DEFAULT = `${HOME}
unset RINGFERRY_CONTROL RUNTIME_DIRECTORY XDG_RUNTIME_DIR
ringferry up --vif g1=$PWD/g1.sock > up.log 2>&1 &
until [ -S /run/ringferry/ringferry.sock ]; do sleep 0.1; done
curl() {
  case " $* " in
  *' -N '*) timeout 2 curl -sSf "$@" || [ $? = 124 ] ;;
  *) command curl -sSf "$@" ;;
  esac
}`

/** What a block needs that the text before it in the page has: by page, and by number of the block. */
const BEFORE: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'operators.md': { 1: RUNNING, 2: RUNNING, 3: RUNNING },
  'api.md': { 0: AT_DEFAULT },
  'dashboard.md': { 0: CONFIGURED },
  'metrics.md': { 0: AT_DEFAULT },
  'awake.md': {
    0: `npx ringferry up --control /tmp/rf.ctl --vif v1=/tmp/rf-awake.sock > /tmp/rf-awake.log 2>&1 &
until [ -S /tmp/rf.ctl ]; do sleep 0.1; done
trap 'kill $(jobs -p); wait' EXIT`,
  },
  'planner.md': { 0: HOME },
  'simulator.md': { 0: `${HOME}\nln -s "${root}/examples" examples` },
  'recipes.md': { 0: INSTALLED, 1: HOME, 2: HOME, 3: HOME },
  'rootless.md': { 0: HOME, 1: HOME, 2: HOME, 3: HOME },
  'studies.md': { 0: 'rm -rf /tmp/holds; trap "rm -rf /tmp/holds" EXIT' },
}

/** Where the reader is no administrator. */
const isWithoutRoot = (page: string, at: number): boolean =>
  page === 'rootless.md' || (page === 'recipes.md' && at === 1)

/** What a block prints, where its end is not all that it promises. */
const PRINTS: Readonly<Record<string, readonly RegExp[]>> = {
  'many-hosts.md': [/3 packets received, 0% packet loss/],
  'api.md': [/"version"[\s\S]*200/],
  'dashboard.md': [/listens on http:\/\/127\.0\.0\.1:8090/],
  'metrics.md': [/^# TYPE ringferry_/m],
  'operators.md': [/^uplink +packet/m, /^g3: added/m, /mode="client"[\s\S]*^passt /m, /switch\.yaml: valid/],
  'awake.md': [/^awake/m],
  'planner.md': [/^24 VMs fit: [\s\S]*^Up to 49 VMs fit\./m],
  'simulator.md': [/^Xen, guest +TX +\d+ +750 [\s\S]*^NIC driver receive/m],
  'recipes.md': [
    /3 packets received, 0% packet loss[\s\S]* web /,
    /^hello from the VM$/m,
    /<interface type="vhostuser">/,
    /^cloud-hypervisor [\s\S]*^firecracker /m,
  ],
  'rootless.md': [
    /lease of [\d.]+ obtained[\s\S]*^net +stream +up/m,
    / 10\.0\.0\.1\/24/,
    /^rf0 /m,
    /^qemu-system[\s\S]*^linux\.uml/m,
  ],
}

const folder = `${root}/docs`
const pages = readdirSync(folder)
  .filter((file) => file.endsWith('.md'))
  .map((file) => ({ file, blocks: shellBlocks(readFileSync(`${folder}/${file}`, 'utf8')) }))

it('a page is there for what is prepared here', () => {
  for (const [page, blocks] of Object.entries(BEFORE))
    for (const at of Object.keys(blocks))
      expect(pages.find(({ file }) => file === page)?.blocks[Number(at)]).toBeDefined()
})

describe.runIf(able('tap')).each(pages.filter(({ blocks }) => blocks.length > 0))(
  '$file',
  ({ file, blocks }) => {
    it.each(
      blocks.map((block, at) => ({ block, at, first: block.split('\n')[0] })),
    )(`${file} has commands that run as printed: $first`, async ({ block, at }) => {
      const { code, output } = await paste(`${BEFORE[file]?.[at] ?? ''}\n${block}`, isWithoutRoot(file, at))
      expect(code, output).toBe(0)
      expect(output).not.toMatch(/^ringferry: (?!warning: )/m)
      const promised = PRINTS[file]?.[at]
      if (promised) expect(output).toMatch(promised)
    }, 120_000)
  },
)
