import { html, type Html } from '#base/html.ts'
import type { EpochSeconds } from '#base/time.ts'
import type { Texts } from '#pages/texts/catalogue.ts'

const formats = new Map<string, Intl.DateTimeFormat>()

/** Formats are dear to make and few. */
const formatOf = (language: string, withTime: boolean): Intl.DateTimeFormat => {
  const key = `${language} ${withTime}`
  const known = formats.get(key)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat(language, {
    dateStyle: 'long',
    timeZone: 'UTC',
    ...(withTime ? { timeStyle: 'short' } : {}),
  })
  formats.set(key, made)
  return made
}

const timeElement = (at: EpochSeconds, text: string): Html => {
  const iso = new Date(at * 1000).toISOString().replace('.000', '')
  return html`<time datetime="${iso}">${text}</time>`
}

/** Without a script nobody knows where the reader is: dates are of UTC, and a time of day says so. */
export const dateElement = (at: EpochSeconds, { dates }: Texts): Html =>
  timeElement(at, formatOf(dates, false).format(at * 1000))

export const timeOfDayElement = (at: EpochSeconds, { dates }: Texts): Html =>
  timeElement(at, `${formatOf(dates, true).format(at * 1000)} UTC`)
