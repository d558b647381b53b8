import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { findProgram } from '@countermark/testing'
import { chromium } from 'playwright-core'
import { say } from '../screen.ts'
import { readDashboards } from './dashboard-files.ts'

/** What the attacks and outages of the scenes left in rates and quantiles is over by then. */
const SETTLE_SECONDS = 60
const SIZE = { width: 1600, height: 1000 }

/** Takes a picture of every dashboard of the preview with the Chromium that is installed. */
export async function takeScreenshots(origin: string, folder: string): Promise<void> {
  const executablePath = findProgram('chromium')
  if (executablePath === undefined) {
    say('chromium is not installed: no pictures')
    return
  }
  mkdirSync(folder, { recursive: true })
  say(`waiting ${SETTLE_SECONDS} s until the last scene has passed`)
  await wait(SETTLE_SECONDS * 1000)
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] })
  try {
    for (const { uid } of readDashboards()) {
      const page = await browser.newPage({ viewport: SIZE })
      await page.goto(`${origin}/#${uid}`)
      await page.waitForSelector('body[data-ready]')
      const path = join(folder, `${uid}.png`)
      await page.screenshot({ path, fullPage: true })
      say(`picture               ${path}`)
      await page.close()
    }
  } finally {
    await browser.close()
  }
}
