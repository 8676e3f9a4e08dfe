/** What a number counts. Aliases, not brands: nothing here crosses a boundary where a mix-up could do harm. */
export type Seconds = number
export type Milliseconds = number
export type Microseconds = number
export type Bytes = number
