package rules

// The structs below are the shape of a program file; docs/programs.md explains every key.

type programFile struct {
	mark
	ID         word               `yaml:"id,required"`
	Version    number             `yaml:"version,required"`
	Keyword    word               `yaml:"keyword"`
	Name       textsNode          `yaml:"name,required"`
	Short      *textsNode         `yaml:"short"`
	LegalBasis textsNode          `yaml:"legal_basis,required"`
	Disease    codesNode          `yaml:"disease,required"`
	Valid      validNode          `yaml:"valid,required"`
	Factors    []factorNode       `yaml:"factors,required"`
	Emergency  emergencyNode      `yaml:"emergency,required"`
	Forms      entries[formNode]  `yaml:"forms,required"`
	Levels     entries[levelNode] `yaml:"levels,required"`
	Ladder     *ladderNode        `yaml:"ladder"`
	Delivery   *deliveryNode      `yaml:"delivery"`
	CallScript []textsNode        `yaml:"call_script"`
	Examples   []exampleNode      `yaml:"examples,required"`
}

type textsNode struct {
	mark
	VI word `yaml:"vi,required"`
	EN word `yaml:"en,required"`
}

type codesNode struct {
	mark
	SNOMED []word `yaml:"snomed"`
	ICD10  []word `yaml:"icd10"`
	LOINC  []word `yaml:"loinc"`
	Unit   word   `yaml:"unit"`
}

type validNode struct {
	mark
	From  word `yaml:"from,required"`
	Until word `yaml:"until"`
}

type factorNode struct {
	mark
	ID    word       `yaml:"id,required"`
	Text  textsNode  `yaml:"text,required"`
	Short *textsNode `yaml:"short"`
}

type emergencyNode struct {
	mark
	Reason textsNode `yaml:"reason,required"`
}

type formNode struct {
	mark
	Base      word           `yaml:"base,required"`
	Groups    []groupNode    `yaml:"groups"`
	Questions []questionNode `yaml:"questions,required"`
	Rules     []ruleNode     `yaml:"rules,required"`
}

type groupNode struct {
	mark
	ID    word       `yaml:"id,required"`
	Text  textsNode  `yaml:"text,required"`
	Short *textsNode `yaml:"short"`
}

type questionNode struct {
	mark
	ID         word            `yaml:"id,required"`
	Type       word            `yaml:"type,required"`
	Text       textsNode       `yaml:"text,required"`
	Short      *textsNode      `yaml:"short"`
	Finding    *textsNode      `yaml:"finding"`
	Group      word            `yaml:"group"`
	Required   flag            `yaml:"required"`
	Emergency  flag            `yaml:"emergency"`
	Options    []optionNode    `yaml:"options"`
	Min        number          `yaml:"min"`
	Max        number          `yaml:"max"`
	EnableWhen *enableWhenNode `yaml:"enable_when"`
	Codes      *codesNode      `yaml:"codes"`
	Words      []word          `yaml:"words"`
}

type optionNode struct {
	mark
	ID    word       `yaml:"id,required"`
	Text  textsNode  `yaml:"text,required"`
	Short *textsNode `yaml:"short"`
}

type enableWhenNode struct {
	mark
	All []conditionNode `yaml:"all"`
	Any []conditionNode `yaml:"any"`
}

type conditionNode struct {
	mark
	Question word `yaml:"question,required"`
	Operator word `yaml:"operator,required"`
	Answer   raw  `yaml:"answer,required"`
}

type ruleNode struct {
	mark
	ID      word      `yaml:"id,required"`
	When    word      `yaml:"when,required"`
	Level   word      `yaml:"level"`
	Factors []word    `yaml:"factors"`
	Text    textsNode `yaml:"text,required"`
}

type levelNode struct {
	mark
	Name     textsNode     `yaml:"name,required"`
	Short    *textsNode    `yaml:"short"`
	Advice   adviceNode    `yaml:"advice,required"`
	Deadline *deadlineNode `yaml:"deadline"`
	FollowUp *planNode     `yaml:"follow_up"`
}

type adviceNode struct {
	mark
	App textsNode `yaml:"app,required"`
	SMS textsNode `yaml:"sms,required"`
}

type deadlineNode struct {
	mark
	Within word `yaml:"within,required"`
	Source word `yaml:"source,required"`
	Since  word `yaml:"since,required"`
}

type planNode struct {
	mark
	Days      number `yaml:"days,required"`
	Times     []word `yaml:"times,required"`
	LowerDays number `yaml:"lower_days"`
}

type ladderNode struct {
	mark
	Quiet quietNode  `yaml:"quiet,required"`
	Steps []stepNode `yaml:"steps,required"`
}

type quietNode struct {
	mark
	From word `yaml:"from,required"`
	To   word `yaml:"to,required"`
}

type stepNode struct {
	mark
	After word `yaml:"after,required"`
	Do    word `yaml:"do,required"`
}

type deliveryNode struct {
	mark
	SMSAfter word `yaml:"sms_after,required"`
	SMSFrom  word `yaml:"sms_from,required"`
}

type exampleNode struct {
	mark
	Name    word         `yaml:"name,required"`
	Form    word         `yaml:"form"`
	Age     number       `yaml:"age,required"`
	Sex     word         `yaml:"sex"`
	Day     word         `yaml:"day"`
	Answers entries[raw] `yaml:"answers,required"`
	Earlier entries[raw] `yaml:"earlier"`
	Level   word         `yaml:"level,required"`
	Factors []word       `yaml:"factors,required"`
	Rules   *[]word      `yaml:"rules"`
}
