"""Reward `code`: which part of a problem's tests does the program in a response pass?"""
