package auth

// TurnBudgets bound what one number sends to us. Replies by SMS cost money; a USSD session costs only our time.
type TurnBudgets struct {
	SMSHour, SMSDay, USSDHour int
}

// DefaultTurnBudgets let a person fill a form for a whole household.
func DefaultTurnBudgets() TurnBudgets { return TurnBudgets{SMSHour: 60, SMSDay: 200, USSDHour: 400} }
