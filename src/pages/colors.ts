// Any accent is somebody's house colour, so it is taken as it is and everything beside it is computed to stay readable (WCAG 2.2 §1.4.3,
// §1.4.11).

/** Red, green and blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number]

export const WHITE: Color = [255, 255, 255]
export const BLACK: Color = [0, 0, 0]

/** @throws {Error} for anything but `#rrggbb` */
export const parseColor = (text: string): Color => {
  const [, red, green, blue] = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text) ?? []
  if (red === undefined || green === undefined || blue === undefined) {
    throw new Error(`the accent ${text} is not a colour such as "#1f4e79"`)
  }
  return [red, green, blue].map((part) => Number.parseInt(part, 16)) as unknown as Color
}

export const printColor = (color: Color): string =>
  `#${color.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`

/** @see WCAG 2.2, "relative luminance" */
const luminance = (color: Color): number => {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as unknown as Color
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** From 1 to 21. @see WCAG 2.2, "contrast ratio" */
export const contrast = (one: Color, other: Color): number => {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

export const mix = (from: Color, to: Color, share: number): Color =>
  from.map((part, index) => Math.round(part + (to[index]! - part) * share)) as unknown as Color

/** White or black, whichever is read more easily: at least 4.58 to 1 on any colour. */
export const readableOn = (ground: Color): Color => (contrast(WHITE, ground) >= contrast(BLACK, ground) ? WHITE : BLACK)

/** `color` itself if it can be told from all `grounds`, otherwise the nearest to it on the way to `towards` that can. */
export const tellApart = (color: Color, grounds: readonly Color[], ratio: number, towards: Color): Color => {
  for (let share = 0; share < 1; share += 0.02) {
    const candidate = mix(color, towards, share)
    if (grounds.every((ground) => contrast(candidate, ground) >= ratio)) return candidate
  }
  return towards
}
