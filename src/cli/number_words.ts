const SMALL = [
  ...['Zero', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten', 'Eleven', 'Twelve'],
  ...['Thirteen', 'Fourteen', 'Fifteen', 'Sixteen', 'Seventeen', 'Eighteen', 'Nineteen'],
]
const TENS = ['', '', 'Twenty', 'Thirty', 'Forty', 'Fifty', 'Sixty', 'Seventy', 'Eighty', 'Ninety']

/** A number from 0 to 999 as a title has it: `One`, `Twenty-One`, `One Hundred`. */
export const numberWords = (value: number): string => {
  if (value < 20) return SMALL[value]!
  const rest = value < 100 ? value % 10 : value % 100
  if (value < 100) return rest === 0 ? TENS[value / 10]! : `${TENS[Math.floor(value / 10)]}-${SMALL[rest]}`
  const hundreds = `${SMALL[Math.floor(value / 100)]} Hundred`
  return rest === 0 ? hundreds : `${hundreds} ${numberWords(rest)}`
}
