// The demo's handset: an app that only uses the public API, and what the number received by SMS and push.
'use strict';

const texts = {
  vi: {
    subtitle: 'máy thử', number: 'Số điện thoại', use: 'Dùng số này', clock: 'Giờ thử nghiệm:', nextDay: 'Sang ngày mai', app: 'Ứng dụng', pushes: 'Thông báo đẩy',
    signIn: 'Đăng nhập', sendCode: 'Gửi mã xác nhận', code: 'Mã 6 số trong tin SMS', enter: 'Vào', people: 'Người trong nhà', add: 'Thêm người', declare: 'Khai báo', update: 'Cập nhật',
    name: 'Họ và tên', born: 'Ngày sinh', sex: 'Giới tính', male: 'Nam', female: 'Nữ', other: 'Khác', relation: 'Quan hệ', self: 'Chính tôi', spouse: 'Vợ/chồng', child: 'Con', parent: 'Cha/mẹ',
    commune: 'Xã/phường', communeHint: 'Gõ vài chữ đầu, vd: bac son', save: 'Lưu', back: 'Quay lại', disease: 'Chương trình', send: 'Gửi tờ khai', result: 'Kết quả', why: 'Vì sao', inbox: 'Hộp thư', out: 'Thoát',
    yes: 'Có', no: 'Không', none: 'Bỏ chọn', noSMS: 'Chưa có tin SMS nào.', noPush: 'Chưa có thông báo nào.', noPeople: 'Chưa có ai. Hãy thêm chính bạn trước.', noMessages: 'Hộp thư trống.', next: 'Tiếp tục', failed: 'Không thực hiện được', log: 'Ai đã xem dữ liệu của tôi', noLog: 'Chưa có ai xem.', sendSMS: 'Gửi SMS', smsText: 'Tin nhắn SMS', ussdText: 'Trả lời', sendUSSD: 'Trả lời', dial: 'Gọi *123#', hangUp: 'Ngắt', noUSSD: 'Bấm để gọi.',
  },
  en: {
    subtitle: 'handset', number: 'Phone number', use: 'Use this number', clock: 'Demo time:', nextDay: 'On to tomorrow', app: 'App', pushes: 'Push notifications',
    signIn: 'Sign in', sendCode: 'Send me a code', code: 'The 6 digits from the SMS', enter: 'Enter', people: 'Household', add: 'Add a person', declare: 'Declare', update: 'Update',
    name: 'Full name', born: 'Date of birth', sex: 'Sex', male: 'Male', female: 'Female', other: 'Other', relation: 'Relationship', self: 'Myself', spouse: 'Spouse', child: 'Child', parent: 'Parent',
    commune: 'Commune', communeHint: 'Type the first letters, e.g. bac son', save: 'Save', back: 'Back', disease: 'Programme', send: 'Send', result: 'Result', why: 'Why', inbox: 'Inbox', out: 'Sign out',
    yes: 'Yes', no: 'No', none: 'Clear', noSMS: 'No SMS yet.', noPush: 'No push yet.', noPeople: 'Nobody yet. Add yourself first.', noMessages: 'The inbox is empty.', next: 'Continue', failed: 'That did not work', log: 'Who looked at my data', noLog: 'Nobody so far.', sendSMS: 'Send SMS', smsText: 'Text message', ussdText: 'Answer', sendUSSD: 'Answer', dial: 'Dial *123#', hangUp: 'Hang up', noUSSD: 'Press to dial.',
  },
};

const state = { lang: 'vi', phone: '', tokens: null, wrote: [], session: null, typed: [] };
const app = document.getElementById('app');
const t = (key) => texts[state.lang][key] || key;

function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  for (const child of children) node.append(child);
  return node;
}

function show(...nodes) {
  app.replaceChildren(...nodes);
  app.scrollTop = 0;
}

function e164(typed) {
  const digits = typed.replace(/[^0-9+]/g, '');
  return digits.startsWith('0') ? '+84' + digits.slice(1) : digits;
}

// uuid7 makes the client's own id: a time in milliseconds, then random bits.
function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let ms = Date.now();
  for (let i = 5; i >= 0; i--) { bytes[i] = ms % 256; ms = Math.floor(ms / 256); }
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

async function call(method, path, body, retried) {
  const headers = { 'Accept-Language': state.lang };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (state.tokens) headers.Authorization = 'Bearer ' + state.tokens.access_token;
  const response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (response.status === 401 && state.tokens && !retried && await refresh()) return call(method, path, body, true);
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw answer;
  return answer;
}

async function refresh() {
  const body = { refresh_token: state.tokens.refresh_token, request_id: uuid7() };
  const response = await fetch('/v1/auth/refresh', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  state.tokens = response.ok ? await response.json() : null;
  if (!state.tokens) signIn();
  return response.ok;
}

function problem(failure) {
  const box = el('div', { className: 'problem', role: 'alert' }, failure && failure.title ? failure.title : t('failed'));
  for (const e of (failure && failure.errors) || []) box.append(el('div', {}, `${e.field}: ${e.message}`));
  return box;
}

// form builds a form whose failures stay on the screen with what was typed.
function form(children, label, action) {
  const failures = el('div');
  const node = el('form', {}, ...children, failures, el('button', {}, label));
  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = node.querySelector('button:last-of-type');
    button.disabled = true;
    failures.replaceChildren();
    try { await action(); } catch (failure) { failures.replaceChildren(problem(failure)); } finally { button.disabled = false; }
  });
  return node;
}

const field = (label, input) => el('label', {}, label, input);
const quiet = (label, action) => { const b = el('button', { type: 'button', className: 'quiet' }, label); b.addEventListener('click', action); return b; };

function select(options) {
  return el('select', {}, ...options.map(([value, label]) => el('option', { value }, label)));
}

function signIn() {
  state.tokens = null;
  show(el('h3', {}, t('signIn')), el('p', {}, state.phone), form([], t('sendCode'), async () => {
    const asked = await call('POST', '/v1/auth/otp', { phone: state.phone });
    const code = el('input', { type: 'text', inputMode: 'numeric', autocomplete: 'one-time-code', required: true, id: 'code' });
    show(el('h3', {}, t('signIn')), form([field(t('code'), code)], t('enter'), async () => {
      state.tokens = await call('POST', '/v1/auth/otp/verify', { request_id: asked.request_id, code: code.value.trim() });
      await call('PUT', '/v1/devices/handset', { token: 'handset-' + state.phone, platform: 'web', locale: state.lang });
      home();
    }), quiet(t('back'), signIn));
    receive();
  }));
}

// provinces gives the names of all provinces by their code.
async function provinces() {
  const all = (await call('GET', '/v1/areas')).items;
  return Object.fromEntries(all.map((a) => [a.code, a.name]));
}

async function home() {
  try {
    const people = (await call('GET', '/v1/people')).items;
    const list = el('ul', { className: 'list' }, ...people.map((p) => el('li', {},
      `${p.name || t(p.relationship)} (${t(p.relationship)})`,
      el('span', { className: 'row' }, quiet(t('declare'), () => choose(p, 'declaration')), quiet(t('update'), () => choose(p, 'daily'))))));
    show(el('h3', {}, t('people')), people.length ? list : el('p', { className: 'empty' }, t('noPeople')),
      el('p', { className: 'row' }, quiet(t('add'), () => addPerson(people.length === 0)), quiet(t('inbox'), inbox), quiet(t('log'), accessLog), quiet(t('out'), async () => { await call('POST', '/v1/auth/logout'); signIn(); })));
  } catch (failure) { show(problem(failure), quiet(t('back'), signIn)); }
}

function addPerson(first) {
  const name = el('input', { type: 'text', required: true, autocomplete: 'off', id: 'person-name' });
  const born = el('input', { type: 'date', required: true, id: 'person-born' });
  const sex = select([['female', t('female')], ['male', t('male')], ['other', t('other')]]);
  const relations = first ? ['self', 'spouse', 'child', 'parent', 'other'] : ['parent', 'spouse', 'child', 'other', 'self'];
  const relation = select(relations.map((r) => [r, t(r)]));
  const place = el('input', { type: 'text', required: true, autocomplete: 'off', placeholder: t('communeHint'), id: 'person-commune' });
  const found = el('select', { size: 5, required: true, id: 'communes', ariaLabel: t('commune') });
  place.addEventListener('input', async () => {
    if (place.value.trim().length < 2) return found.replaceChildren();
    const areas = (await call('GET', '/v1/areas?q=' + encodeURIComponent(place.value))).items.filter((a) => a.level === 'commune');
    const names = await provinces();
    found.replaceChildren(...areas.map((a) => el('option', { value: a.code }, `${a.name}, ${names[a.parent]}`)));
    if (areas.length) found.selectedIndex = 0;
  });
  show(el('h3', {}, t('add')), form([
    field(t('name'), name), field(t('born'), born), field(t('sex'), sex), field(t('relation'), relation), field(t('commune'), place), found,
  ], t('save'), async () => {
    await call('POST', '/v1/people', {
      id: uuid7(), name: name.value, birth_date: born.value, sex: sex.value, relationship: relation.value, area: { commune: found.value },
    });
    home();
  }), quiet(t('back'), home));
}

async function choose(person, kind) {
  const programs = (await call('GET', '/v1/programs')).items;
  const which = select(programs.map((p) => [p.id, p.name]));
  which.id = 'program';
  show(el('h3', {}, t('disease')), form([field(t('disease'), which)], t('next'), async () => fill(person, kind, await call('GET', '/v1/programs/' + which.value))), quiet(t('back'), home));
}

// enabled evaluates FHIR's enableWhen on the answers given so far.
function enabled(question, answers) {
  const when = question.enable_when;
  if (!when) return true;
  const holds = (c) => {
    const given = answers[c.question];
    if (c.operator === 'exists') return (given !== undefined) === c.answer;
    if (given === undefined) return false;
    const values = Array.isArray(given) ? given : [given];
    switch (c.operator) {
      case '=': return values.includes(c.answer);
      case '!=': return !values.includes(c.answer);
      case '>': return values.some((v) => v > c.answer);
      case '<': return values.some((v) => v < c.answer);
      case '>=': return values.some((v) => v >= c.answer);
      case '<=': return values.some((v) => v <= c.answer);
      default: return false;
    }
  };
  return when.behavior === 'any' ? when.conditions.some(holds) : when.conditions.every(holds);
}

// control gives the input of one question and a function that reads it; undefined is no answer.
function control(question) {
  const label = question.text + (question.required ? ' *' : '');
  if (question.type === 'choices') {
    const boxes = question.options.map((o) => el('input', { type: 'checkbox', value: o.id }));
    const set = el('fieldset', { className: 'question' }, el('legend', {}, label), ...question.options.map((o, i) => el('label', { className: 'inline' }, boxes[i], o.text)));
    return { node: set, read: () => { const chosen = boxes.filter((b) => b.checked).map((b) => b.value); return chosen.length ? chosen : undefined; } };
  }
  if (question.type === 'boolean' || question.type === 'choice') {
    const options = question.type === 'boolean' ? [['true', t('yes')], ['false', t('no')]] : question.options.map((o) => [o.id, o.text]);
    const radios = options.map(([value]) => el('input', { type: 'radio', name: question.id, value }));
    const clear = quiet(t('none'), () => { for (const r of radios) r.checked = false; set.dispatchEvent(new Event('change', { bubbles: true })); });
    clear.classList.add('clear');
    const set = el('fieldset', { className: 'question' }, el('legend', {}, label),
      el('div', { className: 'choices' }, ...options.map(([, text], i) => el('label', { className: 'choice' }, radios[i], text)), clear));
    const value = () => (radios.find((r) => r.checked) || { value: '' }).value;
    return { node: set, read: () => (value() === '' ? undefined : question.type === 'boolean' ? value() === 'true' : value()) };
  }
  const kinds = { integer: 'number', decimal: 'number', date: 'date' };
  const input = el('input', { type: kinds[question.type] || 'text' });
  input.dataset.question = question.id;
  if (question.type === 'decimal') input.step = 'any';
  if (question.min !== undefined && question.min !== null) input.min = question.min;
  if (question.max !== undefined && question.max !== null && question.type !== 'text') input.max = question.max;
  return { node: field(label, input), read: () => (input.value === '' ? undefined : input.type === 'number' ? Number(input.value) : input.value) };
}

function fill(person, kind, program) {
  const asked = program.forms.find((f) => f.id === kind);
  const controls = asked.questions.map((question) => ({ question, ...control(question) }));
  const answers = () => {
    const given = {};
    for (const c of controls) {
      const on = enabled(c.question, given);
      c.node.hidden = !on;
      const value = on ? c.read() : undefined;
      if (value !== undefined) given[c.question.id] = value;
    }
    return given;
  };
  const nodes = [];
  let group = null;
  for (const c of controls) {
    if (c.question.group && c.question.group !== group) nodes.push(el('h4', {}, (asked.groups.find((g) => g.id === c.question.group) || { text: '' }).text));
    group = c.question.group;
    nodes.push(c.node);
  }
  const id = uuid7(); // one id for this form: sending it twice declares once
  const node = form(nodes, t('send'), async () => {
    const path = kind === 'daily' ? '/v1/health-updates' : '/v1/declarations';
    const now = (await (await fetch('/demo/clock')).json()).now;
    decided(program, await call('POST', path, { id, program: program.id, program_version: program.version, person_id: person.id, answers: answers(), occurred_at: now }));
  });
  node.addEventListener('change', answers);
  show(el('h3', {}, `${program.name}: ${person.name || t(person.relationship)}`), node, quiet(t('back'), home));
  answers();
}

function decided(program, declaration) {
  const d = declaration.decision;
  show(el('h3', {}, t('result')), el('div', { className: 'result ' + d.level }, el('p', {}, el('strong', { id: 'level' }, (program.levels.find((l) => l.level === d.level) || { text: d.level }).text)), el('p', { id: 'advice' }, d.advice)),
    d.reasons.length ? el('div', {}, el('h4', {}, t('why')), el('ul', { id: 'reasons' }, ...d.reasons.map((r) => el('li', {}, r.text)))) : '', quiet(t('back'), home));
  receive();
}

async function inbox() {
  const items = (await call('GET', '/v1/messages')).items;
  show(el('h3', {}, t('inbox')), items.length ? el('ol', { className: 'thread' }, ...items.map((m) => el('li', {}, el('time', {}, local(m.created_at)), m.text))) : el('p', { className: 'empty' }, t('noMessages')), quiet(t('back'), home));
}

async function accessLog() {
  const items = (await call('GET', '/v1/me/access-log')).items;
  show(el('h3', {}, t('log')), items.length ? el('ol', { className: 'thread' }, ...items.map((m) => el('li', {}, el('time', {}, local(m.at)), `${m.action}, ${m.role}, ${m.area}: ${m.reason || ''}`))) : el('p', { className: 'empty' }, t('noLog')), quiet(t('back'), home));
}

const local = (time) => new Date(time).toLocaleString(state.lang === 'vi' ? 'vi-VN' : 'en-GB', { timeZone: 'Asia/Ho_Chi_Minh' });

// receive shows what the number got by SMS and push.
async function receive() {
  if (!state.phone) return;
  const { items } = await (await fetch('/demo/messages?to=' + encodeURIComponent(state.phone))).json();
  for (const [channel, empty] of [['sms', 'noSMS'], ['push', 'noPush']]) {
    const own = items.filter((m) => m.channel === channel);
    if (channel === 'sms') own.push(...state.wrote.filter((m) => m.phone === state.phone));
    own.sort((a, b) => new Date(a.sent_at) - new Date(b.sent_at));
    document.getElementById(channel).replaceChildren(...(own.length ? own.map((m) => el('li', { className: m.phone ? 'mine' : '' }, el('time', {}, local(m.sent_at)), m.text)) : [el('li', { className: 'empty' }, t(empty))]));
  }
}

// gateway plays what lies between a handset and the product: the demo hands it on in a real gateway's form.
async function gateway(path, body) {
  const response = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

async function writeSMS(text) {
  const { now } = await (await fetch('/demo/clock')).json();
  state.wrote.push({ phone: state.phone, text, sent_at: now });
  await gateway('/demo/sms', { phone: state.phone, text });
  await receive();
  const thread = document.getElementById('sms');
  thread.scrollTop = thread.scrollHeight;
}

// dial opens a session; each answer is sent with all those before it, joined by *.
function dial() {
  state.session = uuid7();
  state.typed = [];
  return step();
}

async function step() {
  const { screen, end } = await gateway('/demo/ussd', { phone: state.phone, session: state.session, text: state.typed.join('*') });
  showUSSD(screen, !end);
}

function showUSSD(screen, open) {
  document.getElementById('ussd').textContent = screen;
  for (const id of ['ussd-text', 'ussd-send', 'ussd-hang-up']) document.getElementById(id).disabled = !open;
  if (!open) state.session = null;
  else document.getElementById('ussd-text').focus();
}

async function clock(advance) {
  const options = advance ? { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ advance_days: 1 }) } : {};
  const button = document.getElementById('next-day');
  if (advance) button.disabled = true; // the demo lives through the hours first
  try {
    const { now } = await (await fetch('/demo/clock', options)).json();
    document.getElementById('clock').textContent = local(now);
    if (advance) await receive();
  } finally { if (advance) button.disabled = false; }
}

function speak(lang) {
  state.lang = lang;
  document.documentElement.lang = lang;
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-label]')) node.ariaLabel = t(node.dataset.label);
  if (!state.session) showUSSD(t('noUSSD'), false);
  if (state.tokens) home(); else signIn();
  receive();
  clock();
}

document.getElementById('number-form').addEventListener('submit', (event) => {
  event.preventDefault();
  state.phone = e164(document.getElementById('number').value);
  showUSSD(t('noUSSD'), false);
  signIn();
  receive();
});
document.getElementById('sms-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = document.getElementById('sms-text');
  const text = input.value;
  input.value = '';
  writeSMS(text);
});
document.getElementById('ussd-dial').addEventListener('click', dial);
document.getElementById('ussd-hang-up').addEventListener('click', () => showUSSD(t('noUSSD'), false));
document.getElementById('ussd-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const input = document.getElementById('ussd-text');
  state.typed.push(input.value.trim());
  input.value = '';
  step();
});
document.getElementById('next-day').addEventListener('click', () => clock(true));
for (const button of document.querySelectorAll('[data-lang]')) button.addEventListener('click', () => speak(button.dataset.lang));
state.phone = e164(document.getElementById('number').value);
speak('vi');
setInterval(receive, 2000);
setInterval(() => clock(), 15000);
