// The form of an intake: a question that does not apply is out of the way. Without this script all of them are there, each
// with the words of when it applies, and the server says what does not.
(() => {
  "use strict";
  const form = document.querySelector(".intake form.stack");
  if (!form) return;
  const questions = [...form.querySelectorAll(".question")];

  // given reads an answer as the server reads it; undefined: none.
  const given = (box) => {
    const name = box.dataset.question;
    const fields = [...box.querySelectorAll("input, select, textarea")].filter((f) => f.name === name);
    const picked = fields.some((f) => f.type === "radio" || f.type === "checkbox");
    const values = (picked ? fields.filter((f) => f.checked) : fields).map((f) => f.value.trim()).filter((v) => v !== "");
    if (!values.length) return undefined;
    switch (box.dataset.type) {
      case "boolean": return values[0] === "yes";
      case "choices": return values.filter((v) => v !== "-");
      case "integer":
      case "decimal": {
        const number = Number(values[0].replace(",", "."));
        return Number.isNaN(number) ? undefined : number;
      }
    }
    return values[0];
  };

  const holds = (condition, answers) => {
    const answered = condition.question in answers, answer = answers[condition.question];
    if (condition.operator === "exists") return answered === condition.answer;
    if (!answered) return false;
    if (Array.isArray(answer)) return answer.includes(condition.answer) === (condition.operator === "=");
    switch (condition.operator) {
      case "=": return answer === condition.answer;
      case "!=": return answer !== condition.answer;
      case ">": return answer > condition.answer;
      case "<": return answer < condition.answer;
      case ">=": return answer >= condition.answer;
      case "<=": return answer <= condition.answer;
    }
    return false;
  };

  // show goes through the form from top to bottom: conditions look back only.
  const show = () => {
    const answers = {};
    for (const box of questions) {
      const when = box.dataset.when && JSON.parse(box.dataset.when);
      const asked = !when || (when.behavior === "any" ? when.conditions.some((c) => holds(c, answers)) : when.conditions.every((c) => holds(c, answers)));
      box.hidden = !asked;
      for (const field of box.querySelectorAll("input, select, textarea, button")) field.disabled = !asked;
      const answer = asked ? given(box) : undefined;
      if (answer !== undefined) answers[box.dataset.question.slice(2)] = answer;
    }
  };
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  show();
  document.getElementById("problems")?.focus();
})();
