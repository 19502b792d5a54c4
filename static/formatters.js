// The named formatters of an option: "fmt:percent1" is the same words in the page and in the mail.
// No Intl here: the engine that draws stills has none.

const absent = '–';

// What ECharts hands to a formatter: an axis gives the value itself, a label gives its parameters, whose value is a row in a
// heatmap (the last of it is the measure).
function valueOf(given) {
  const value = given !== null && typeof given === 'object' && !Array.isArray(given) ? given.value : given;
  return Array.isArray(value) ? value[value.length - 1] : value;
}

function nameOf(given) {
  return given !== null && typeof given === 'object' && !Array.isArray(given) ? given.name : given;
}

function numberOf(given) {
  const value = valueOf(given);
  if (value === null || value === undefined || value === '' || value === '-') {
    return NaN;
  }
  return Number(value);
}

// 1234.5 with one digit is 1,234.5; less than zero has a real minus sign.
function grouped(value, digits) {
  if (!Number.isFinite(value)) {
    return absent;
  }
  const [whole, part] = Math.abs(value).toFixed(digits).split('.');
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (part ? '.' + part : '');
  return value < 0 && /[1-9]/.test(text) ? '−' + text : text;
}

// At most two digits, and none that say nothing: 1,234 and 0.5 and 6.46.
function number(given) {
  const value = numberOf(given);
  const text = grouped(value, 2);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function percent(digits) {
  return (given) => {
    const value = numberOf(given);
    return Number.isFinite(value) ? grouped(value * 100, digits) + '%' : absent;
  };
}

function decimal(digits) {
  return (given) => grouped(numberOf(given), digits);
}

function hour(write) {
  return (given) => {
    const value = numberOf(given);
    return Number.isInteger(value) ? write(value) : String(valueOf(given) ?? '');
  };
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

// A day is written as text, 2023-05-22: nothing here may turn it into an instant of some zone.
function date(write) {
  return (given) => {
    const text = String(valueOf(given) ?? '');
    const match = /^\d{4}-(\d{2})-(\d{2})/.exec(text);
    return match && Number(match[1]) >= 1 && Number(match[1]) <= 12 ? write(Number(match[1]), Number(match[2])) : text;
  };
}

function cut(text, length) {
  const characters = Array.from(String(text ?? ''));
  return characters.length > length ? characters.slice(0, length).join('').trimEnd() + '…' : characters.join('');
}

export const formatters = {
  number,
  percent0: percent(0),
  percent1: percent(1),
  percent2: percent(2),
  decimal1: decimal(1),
  decimal2: decimal(2),
  hour_ko: hour((h) => h + '시'),
  hour_en: hour((h) => String(h).padStart(2, '0') + ':00'),
  date_ko: date((month, day) => month + '월 ' + day + '일'),
  date_en: date((month, day) => day + ' ' + months[month - 1]),
  cut20: (given) => cut(valueOf(given), 20),
  name_cut20: (given) => cut(nameOf(given), 20),
};
