package templates

// inputs are the two fields of the door; a failed try marks the password.
func (s SignInView) inputs() []Input {
	return []Input{
		{Name: "address", Label: s.T("signin.address"), Kind: "email", Value: s.Address, Autocomplete: "username", Required: true, Autofocus: s.Address == ""},
		{Name: "password", Label: s.T("signin.password"), Kind: "password", Autocomplete: "current-password", Required: true, Error: s.Error, Autofocus: s.Address != ""},
	}
}

// linkInputs is the one field of the mailed link.
func (s SignInView) linkInputs() []Input {
	return []Input{{Name: "address", Label: s.T("signin.address"), Kind: "email", Value: s.LinkAddress, Autocomplete: "email", Required: true, Error: s.LinkError}}
}
