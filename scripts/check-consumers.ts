import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Framework, writeConsumerFiles } from './consumer-files.ts'
import { runCommand } from './run-command.ts'
import { inPairs, type Tally } from './tally.ts'

/** A project of somebody else that installs our tarballs. */
interface Consumer {
  readonly name: string
  readonly framework: Framework
  readonly dependencies: Readonly<Record<string, string>>
}

const NODE_TYPES = { '@types/node': '20.19.43' }

const CONSUMERS: readonly Consumer[] = [
  {
    name: 'express-4',
    framework: 'express',
    dependencies: { express: '4.22.3', '@types/express': '4.17.25', ...NODE_TYPES },
  },
  {
    name: 'express-5',
    framework: 'express',
    dependencies: { express: '5.3.0', '@types/express': '5.0.6', ...NODE_TYPES },
  },
  { name: 'koa-2', framework: 'koa', dependencies: { koa: '2.16.4', '@types/koa': '2.15.0', ...NODE_TYPES } },
  { name: 'koa-3', framework: 'koa', dependencies: { koa: '3.3.0', '@types/koa': '3.0.3', ...NODE_TYPES } },
]

/** How the installed packages are used: in every module style, at run time and by the type checker. */
const USES: readonly { readonly name: string; readonly script: string; readonly args: readonly string[] }[] = [
  { name: 'ES modules', script: '', args: ['esm.mjs'] },
  { name: 'CommonJS require', script: '', args: ['commonjs.cjs'] },
  { name: 'umbrella, ES modules', script: '', args: ['umbrella.mjs'] },
  { name: 'umbrella, CommonJS require', script: '', args: ['umbrella.cjs'] },
  { name: 'CommonJS Jest without configuration', script: 'jest/bin/jest.js', args: ['--ci'] },
  { name: 'TypeScript NodeNext, both kinds', script: 'typescript/bin/tsc', args: ['-p', 'tsconfig.nodenext.json'] },
  { name: 'TypeScript bundler', script: 'typescript/bin/tsc', args: ['-p', 'tsconfig.bundler.json'] },
]

/** Installs the tarballs into real projects outside this repository and runs each project in every module style. */
export async function checkConsumers(
  root: string,
  tarballs: ReadonlyMap<string, string>,
  target: string,
  tally: Tally,
): Promise<void> {
  await inPairs(CONSUMERS, async (consumer) => {
    const folder = writeProject(root, consumer, tarballs, target)
    const install = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock']
    if (!tally.add(`${consumer.name} installs`, await runCommand('npm', install, { folder }))) return
    for (const { name, script, args } of USES) {
      // The tools are this repository's own; what they work on is the project's.
      const tool = script === '' ? [] : [join(root, 'node_modules', script)]
      tally.add(`${consumer.name} ${name}`, await runCommand(process.execPath, [...tool, ...args], { folder }))
    }
  })
}

function writeProject(
  root: string,
  { name, framework, dependencies }: Consumer,
  tarballs: ReadonlyMap<string, string>,
  target: string,
): string {
  const folder = join(target, name)
  mkdirSync(folder)
  writeConsumerFiles(root, framework, folder)
  const local = Object.fromEntries([...tarballs].map(([packageName, path]) => [packageName, `file:${path}`]))
  const manifest = { name: `consumer-${name}`, private: true, dependencies: { ...dependencies, ...local } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
  return folder
}
