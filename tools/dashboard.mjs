// Bundles the dashboard (src/dashboard) into dist/dashboard: one script, one style, the page and its icon. What is made has
// other places than what it is made of, so that a switch that runs from its sources serves what is made.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/**
 * @param {string} root of the project
 * @param {string} [target] where it goes
 */
export async function buildDashboard(root, target = join(root, 'dist/dashboard')) {
  const source = join(root, 'src/dashboard')
  await build({
    entryPoints: [
      { in: join(source, 'main.ts'), out: 'main' },
      { in: join(source, 'page/style.css'), out: 'style' },
    ],
    outdir: target,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'eof',
    logLevel: 'warning',
  })
  for (const file of ['index.html', 'icon.svg']) copyFileSync(join(source, 'page', file), join(target, file))
}
