/** Classes of vital signs, as grants and disclosures name them, in words for people. */
import { ALL_CLASSES } from '../../protocol/consent-event.ts';
import { allVitalSigns, type VitalSign, vitalSignByName } from '../../protocol/vital-signs.ts';
import { listText } from '../shared/words.ts';

/** A class of vital signs within a sentence, such as "heart rate". */
export function classText(name: string): string {
  if (name === ALL_CLASSES) return 'all vital signs';
  const title = vitalSignByName(name)?.title;
  return title === undefined ? name.replaceAll('-', ' ') : title.charAt(0).toLowerCase() + title.slice(1);
}

/** Classes within a sentence, in the order of the vital-sign table. */
export function classesText(names: readonly string[]): string {
  const order = allVitalSigns().map(({ name }) => name);
  const place = (name: string) => (order.indexOf(name) + 1 || order.length + 1) - 1;
  return listText([...new Set(names)].sort((a, b) => place(a) - place(b)).map(classText));
}

/** Rows of the table that a grant can name: the parts of a panel come with it. */
export function grantableSigns(): readonly VitalSign[] {
  const parts = new Set(allVitalSigns().flatMap(({ components }) => components ?? []));
  return allVitalSigns().filter(({ mdc }) => !parts.has(mdc));
}
